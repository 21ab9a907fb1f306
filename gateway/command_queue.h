// RunQueue is `postern queue`: look at the queue, have messages tried again, delete them.
//
// It is called once, on the main thread. It asks the running gateway; when none runs it opens the store itself, and the
// answer is the same.

#ifndef POSTERN_GATEWAY_COMMAND_QUEUE_H_
#define POSTERN_GATEWAY_COMMAND_QUEUE_H_

#include <cstdint>
#include <string>

#include "gateway/config.h"

namespace postern {

enum class QueueVerb : uint8_t { kList, kShow, kRetry, kRetryAll, kDelete };

struct QueueCommand {
  QueueVerb verb = QueueVerb::kList;
  std::string id;  // as it was typed; kShow, kRetry, kDelete
  bool json = false;
};

// The exit code of the process (exit_code.h).
int RunQueue(const Config& config, const QueueCommand& command);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_QUEUE_H_
