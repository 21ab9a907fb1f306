// Maildir puts messages into a mailbox that is a folder of files (https://cr.yp.to/proto/maildir.html).
//
// The mailbox writer owns it, on its own thread. A message is written into tmp/, synced, renamed into new/, and the
// folder synced: it is there whole or not at all. The name is made of the message's id and the recipient's index, so a
// message that is delivered again after a crash takes its own place and is no duplicate while it lies in new/.

#ifndef POSTERN_STORE_MAILDIR_H_
#define POSTERN_STORE_MAILDIR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/message.h"
#include "store/file.h"

namespace postern {

// Where the mailboxes lie: a path with {domain} and {local}, such as "/var/mail/{domain}/{local}".
class MaildirTemplate {
 public:
  // InvalidArgument names what is wrong with it.
  static absl::StatusOr<MaildirTemplate> Parse(std::string_view text);

  // The path of one mailbox. Both parts come from a peer and become file names by MailboxName(); InvalidArgument when
  // one is empty or too long for a file system.
  absl::StatusOr<std::string> Expand(std::string_view local_part, std::string_view domain) const;

 private:
  std::string text_;
};

// A part of an address as a file name: lower case, quotes of a quoted local part taken off, and every byte that is not
// a letter, digit or one of "-_+=@,~!#$&'^" or a dot within as %XX, and so the first one of a name that is a device on
// Windows ("con", "lpt1.x"). So no name holds a separator or a control byte, none starts or ends with a dot, and no two
// addresses that differ in more than case share one: here, and where the folder may be moved.
std::string MailboxName(std::string_view part);

// "1700000000.0ABCDEFGHJKMNR0.host": when it was accepted, its id, the recipient's index, and who we are. The colon,
// which Windows allows in no name, would come with the flags behind it; we set none.
std::string MaildirFileName(MessageId message, uint32_t recipient_index, std::string_view hostname);

// A message on its way into a mailbox. Nothing is there before Maildir::Publish().
class MaildirFile {
 public:
  MaildirFile(std::string name, std::unique_ptr<File> file) : name_(std::move(name)), file_(std::move(file)) {}

  absl::Status Append(std::string_view bytes);
  void StartSync() { file_->StartSync(); }
  absl::Status Sync();

  const std::string& name() const { return name_; }
  uint64_t size() const { return size_; }

 private:
  const std::string name_;
  const std::unique_ptr<File> file_;
  uint64_t size_ = 0;  // bytes written
};

class Maildir {
 public:
  // Makes the mailbox when it is missing.
  static absl::StatusOr<std::unique_ptr<Maildir>> Open(std::unique_ptr<Directory> root);

  // A new file in tmp/; what a crash left there under this name is gone.
  absl::StatusOr<std::unique_ptr<MaildirFile>> Start(std::string name);
  // Moves a synced file into new/. On stable storage after SyncFolder().
  absl::Status Publish(const MaildirFile& file);
  absl::Status SyncFolder();
  // Takes the file out of tmp/ again.
  void Discard(const MaildirFile& file);

 private:
  Maildir(std::unique_ptr<Directory> root, std::unique_ptr<Directory> tmp, std::unique_ptr<Directory> fresh)
      : root_(std::move(root)), tmp_(std::move(tmp)), new_(std::move(fresh)) {}

  const std::unique_ptr<Directory> root_;
  const std::unique_ptr<Directory> tmp_;
  const std::unique_ptr<Directory> new_;
};

}  // namespace postern

#endif  // POSTERN_STORE_MAILDIR_H_
