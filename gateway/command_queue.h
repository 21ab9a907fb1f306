// RunQueue is `postern queue`: look at the queue, have mail tried again, held, deleted, returned or exported.
//
// It is called once, on the main thread. It asks the running gateway; when none runs it opens the store itself, and the
// answer is the same.

#ifndef POSTERN_GATEWAY_COMMAND_QUEUE_H_
#define POSTERN_GATEWAY_COMMAND_QUEUE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/config.h"
#include "relay/queue_view.h"

namespace postern {

enum class QueueVerb : uint8_t { kList, kShow, kExport, kAct };

// As it was typed.
struct QueueCommand {
  QueueVerb verb = QueueVerb::kList;
  QueueAction action = QueueAction::kRetry;  // kAct
  // kShow, kExport: an id. kList: a destination, if any. kAct: ids and destinations.
  std::vector<std::string> targets{};
  bool all = false;       // kAct: all of the queue
  bool messages = false;  // kList: the messages themselves, although no destination is named
  std::string output{};   // kExport: a file; empty is standard output
  bool json = false;
};

// The exit code of the process (exit_code.h).
int RunQueue(const Config& config, const QueueCommand& command);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_QUEUE_H_
