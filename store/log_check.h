// CheckLog tells what a start would find in a log: what is damaged, missing, misplaced or torn, and what waits in it.
//
// A function without state; whoever calls it holds the store's lock. It reads every byte that counts, with the code
// that a start reads with, and changes nothing.

#ifndef POSTERN_STORE_LOG_CHECK_H_
#define POSTERN_STORE_LOG_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/message.h"
#include "store/file.h"
#include "store/recovery_report.h"
#include "store/segment_format.h"

namespace postern {

// A message in the queue that has lost a part of its body: it can be neither sent nor moved whole.
struct IncompleteMessage {
  MessageId message;
  Position position;  // of the record that makes it
  size_t piece_count = 0;
  size_t lost_count = 0;  // of them
};

struct LogCheck {
  // As a start would tell it. What is misplaced has its wrong name still, and is read as if it had the right one.
  RecoveryReport report;
  uint32_t torn_record_count = 0;  // whole records behind a torn place, which nobody was promised
  // Not ok when the end of the log cannot be read: no gateway starts on it.
  absl::Status end_error;
  uint32_t spare_count = 0;
  uint64_t record_count = 0;      // seals are not counted
  std::vector<MessageId> queued;  // in ascending order
  std::vector<IncompleteMessage> incomplete;

  // A torn end is none: a crash leaves one.
  size_t fault_count() const {
    return report.damage_count + report.misplaced.size() + incomplete.size() + (end_error.ok() ? 0 : 1);
  }
};

// Damaged pieces are copied into `quarantine`; null: they are only told. An error is that of the directory itself.
absl::StatusOr<LogCheck> CheckLog(Directory& directory, Directory* quarantine = nullptr);

}  // namespace postern

#endif  // POSTERN_STORE_LOG_CHECK_H_
