// MailboxWriter delivers messages into mailboxes, a batch at a time: it writes and syncs where the relay must not wait.
//
// The gateway owns it and runs it on a thread of its own (the simulator steps RunOnce() without one); the relay gives
// jobs and takes them back on its thread. A job travels out and comes home; in between nobody else touches it. A
// mailbox that is broken spoils its own deliveries only.
//
//   relay: TryPush, Wake ->  inbox -> RunOnce: write all into tmp/, sync each, rename all, sync each folder once
//   relay: TryTakeDone   <-  done  <- wake the relay

#ifndef POSTERN_RELAY_MAILBOX_WRITER_H_
#define POSTERN_RELAY_MAILBOX_WRITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/bounded_queue.h"
#include "core/doorbell.h"
#include "core/message.h"
#include "core/step_count.h"
#include "core/work_slot.h"
#include "relay/message_body.h"
#include "store/maildir.h"

namespace postern {

// One recipient's copy.
struct MailboxDelivery {
  uint32_t recipient_index = 0;
  std::string path{};     // of the mailbox
  std::string address{};  // for Delivered-To
  absl::Status result = absl::OkStatus();
};

struct MailboxJob {
  MessageId message;
  std::string sender{};  // for Return-Path; empty is the null sender
  std::unique_ptr<MessageBody> body{};
  std::vector<MailboxDelivery> deliveries{};  // at most kMailboxDeliveriesPerJobMax
  absl::Status read{};                        // why the body could not be read to its end, or OK
  uint32_t tag = 0;                           // the giver's own
};

// Files that one job holds open at once.
inline constexpr size_t kMailboxDeliveriesPerJobMax = 32;

struct MailboxWriterOptions {
  std::string hostname;       // in file names
  bool delivered_to = false;  // adds a Delivered-To line
  WorkSlot* slot = nullptr;   // where its thread notes what it works on
};

class MailboxWriter {
 public:
  using DirectoryOpener = std::function<absl::StatusOr<std::unique_ptr<Directory>>(const std::string& path)>;

  // `relay` is woken when jobs came home. At most `job_count_max` jobs are away at once.
  MailboxWriter(MailboxWriterOptions options, DirectoryOpener opener, size_t job_count_max, Wakeable& relay)
      : options_(std::move(options)),
        opener_(std::move(opener)),
        job_count_max_(job_count_max),
        inbox_(job_count_max),
        done_(job_count_max),
        relay_(relay) {}
  ~MailboxWriter();

  // The relay's thread. False, and the job is still the caller's, when too many are away.
  bool TryPush(std::unique_ptr<MailboxJob>& job);
  // Null when none came home.
  std::unique_ptr<MailboxJob> TryTakeDone();
  bool HasDone() const { return !done_.LooksEmpty(); }
  void Wake() { bell_.Wake(); }
  // Any thread. A step is a RunOnce().
  const StepCount& steps() const { return steps_; }

  // The writer's thread. Delivers a batch; how many jobs that were.
  size_t RunOnce();
  // Whether RunOnce() would find something.
  bool HasWork() const { return !inbox_.LooksEmpty(); }
  // Until `stop`, then what is in the inbox; wake it after setting `stop`.
  void Run(const std::atomic<bool>& stop);

 private:
  static constexpr size_t kBatchDeliveriesMax = 64;  // files open at once, beside those of the last job
  static constexpr size_t kOpenMailboxesMax = 64;

  // A delivery whose file is written, and where it goes.
  struct Written {
    MailboxDelivery* delivery;
    Maildir* maildir;
    std::unique_ptr<MaildirFile> file;
  };

  void WriteFiles(MailboxJob& job, std::vector<Written>& batch);
  absl::StatusOr<Written> StartFile(const MailboxJob& job, MailboxDelivery& delivery);
  void Publish(std::vector<Written>& batch);

  const MailboxWriterOptions options_;
  const DirectoryOpener opener_;
  const size_t job_count_max_;
  size_t away_count_ = 0;  // the relay's thread
  BoundedQueue<MailboxJob*> inbox_;
  BoundedQueue<MailboxJob*> done_;
  Wakeable& relay_;
  ThreadDoorbell bell_;
  StepCount steps_;
  absl::flat_hash_map<std::string, std::unique_ptr<Maildir>> maildirs_;  // open ones, by path
};

}  // namespace postern

#endif  // POSTERN_RELAY_MAILBOX_WRITER_H_
