// QueueAccess is the queue as the queue commands reach it: over the control socket, or in the store itself.
//
// A command owns one, on the main thread, and may not know which it is: ControlClient (control_client.h) asks the
// running gateway, OfflineQueue (offline_queue.h) opens the store when none runs. An answer is given only when it is
// true: what was deleted is gone from the log. No answer takes memory for all of the queue, or for all of a message.

#ifndef POSTERN_GATEWAY_QUEUE_ACCESS_H_
#define POSTERN_GATEWAY_QUEUE_ACCESS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/message.h"
#include "relay/queue_tally.h"
#include "relay/queue_view.h"

namespace postern {

// What became of an operator's wish.
enum class ActResult : uint8_t {
  kDone,       // it shows in the queue
  kBegun,      // for many messages, and the gateway is at it
  kUnchanged,  // there was nothing that it would change
};

// NotFound: no such message in the queue, or no such destination. Unavailable: busy, the same may do later.
// DeadlineExceeded: on its way, and nobody knows yet.
class QueueAccess {
 public:
  virtual ~QueueAccess() = default;

  // Hands every destination that has something in the queue to `visit`; the answer is how many messages there are.
  virtual absl::StatusOr<size_t> Destinations(absl::FunctionRef<void(const DestinationView&)> visit) = 0;
  // A page from `cursor` on, which is 0 for the first one and then QueuePage::next_cursor; of one destination, by its
  // name, or of all. It may have no entry and still not be the last.
  virtual absl::StatusOr<QueuePage> List(const std::optional<std::string>& destination, uint64_t cursor) = 0;
  virtual absl::StatusOr<QueueEntryView> Show(MessageId message) = 0;
  // Hands the message as it is stored to `write`, piece by piece. Ends with the first error of either side.
  virtual absl::Status Export(MessageId message, absl::FunctionRef<absl::Status(std::string_view)> write) = 0;
  virtual absl::StatusOr<ActResult> Act(QueueAction action, MessageId message) = 0;
  // On all messages of a destination, or of the queue.
  virtual absl::StatusOr<ActResult> ActOnAll(QueueAction action, const std::optional<std::string>& destination) = 0;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_QUEUE_ACCESS_H_
