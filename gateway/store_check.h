// StoreCheck is what `postern fsck` finds in a whole store: in each log, and between them.
//
// A command owns one, on the main thread. While the store is looked at its lock is held, so no gateway runs on it.

#ifndef POSTERN_GATEWAY_STORE_CHECK_H_
#define POSTERN_GATEWAY_STORE_CHECK_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/message.h"
#include "store/file.h"
#include "store/log_check.h"
#include "store/recovery_report.h"

namespace postern {

struct StoreCheck {
  struct Log {
    std::string path;
    RecoveryReport mended;  // by the repair that came before the check
    LogCheck check;
  };
  std::vector<Log> logs;
  // Messages in the queues of two logs, in ascending order: a segment was copied from one to the other. They are sent
  // twice.
  std::vector<MessageId> twice;

  // What is wrong now, after a repair.
  size_t fault_count() const;
  size_t mended_count() const;
};

// FailedPrecondition: another process has the store; the message names it. `root` is DATA_DIR/store. With `repair`,
// damaged pieces are set aside first; without, nothing is changed.
absl::StatusOr<StoreCheck> CheckStore(Directory& root, bool repair);

}  // namespace postern

#endif  // POSTERN_GATEWAY_STORE_CHECK_H_
