// RecoveredStore is the real store, opened on what a crash has left: a log, its reader and the queue they make.
//
// Whoever opened it owns it, on his thread; the disk outlives it. The same code is the judge's, who only looks, and the
// workload's, which goes on from there.

#ifndef POSTERN_TESTS_PROVER_RECOVERY_H_
#define POSTERN_TESTS_PROVER_RECOVERY_H_

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/log_reader.h"
#include "store/queue_index.h"
#include "store/recovery_report.h"
#include "store/segment_log.h"
#include "tests/prover/knowledge.h"
#include "tests/prover/recording_disk.h"

namespace postern {

class RecoveredStore {
 public:
  // Opens the log and reads it to its end. Whatever goes wrong is an error.
  static absl::StatusOr<std::unique_ptr<RecoveredStore>> Open(RecordingDisk& disk, const SegmentLogOptions& options);

  // Folds what the log has become since into the queue.
  absl::Status Follow();
  // All that can be seen, bodies and mailboxes included.
  Found Look();

  Directory& directory() { return *directory_; }
  SegmentLog& log() { return *log_; }
  QueueIndex& index() { return index_; }

 private:
  explicit RecoveredStore(RecordingDisk& disk) : disk_(disk) {}

  RecordingDisk& disk_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<Directory> quarantine_;
  std::unique_ptr<SegmentLog> log_;
  RecoveryReport opening_;
  std::unique_ptr<LogReader> reader_;
  QueueIndex index_;
};

// Sets aside what is damaged in the log, as `postern fsck --repair` does.
absl::Status Repair(RecordingDisk& disk);

// What a recovery of the disk finds, its failure included. `options` of the log.
Found Recover(RecordingDisk& disk, const SegmentLogOptions& options);

// Where the workloads put mailboxes: what lies in it is told as Found::mailed.
inline constexpr std::string_view kMailFolder = "mail";

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_RECOVERY_H_
