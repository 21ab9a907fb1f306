// Mail is a message that is made once and sent often; a Letter is one sending of it, with a Message-ID of its own.
//
// All workers read the same mails. A letter belongs to a session, on its thread: it copies the start of the mail, where
// the Message-ID is, and lends the rest as it stands, so that large messages cost no memory for each connection.

#ifndef POSTERN_BENCH_LOAD_MAIL_H_
#define POSTERN_BENCH_LOAD_MAIL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/clock.h"

namespace postern {

class Mail {
 public:
  struct Header {
    std::string from;
    std::string to;
    WallTime date;
    uint64_t run = 0;  // the same for all mails of a run, and of no other
  };

  // Of exactly `size` bytes: a header, and lines of at most 78 characters. InvalidArgument when the header alone is
  // larger.
  static absl::StatusOr<Mail> Make(const Header& header, uint64_t size);

  std::string_view text() const { return text_; }
  size_t id_offset() const { return id_offset_; }  // of kIdSize digits that are the letter's to fill

  static constexpr size_t kIdSize = 16;

 private:
  Mail() = default;

  std::string text_;
  size_t id_offset_ = 0;
};

class Letter {
 public:
  // `number` is of no other letter of the run. The mail is lent for as long as pieces are.
  void Start(const Mail& mail, uint64_t number);

  // The next piece of the message, lent until the next Start(); empty at its end.
  std::string_view NextPiece();
  bool at_end() const { return offset_ == mail_->text().size(); }

 private:
  // A message up to this size is one piece, and so one BDAT command.
  static constexpr size_t kFirstPieceSizeMax = 16 * 1024;

  const Mail* mail_ = nullptr;
  std::string first_piece_;
  size_t offset_ = 0;  // bytes that were lent
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_MAIL_H_
