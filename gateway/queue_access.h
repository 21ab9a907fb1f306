// QueueAccess is the queue as the queue commands reach it: over the control socket, or in the store itself.
//
// A command owns one, on the main thread, and may not know which it is: ControlClient (control_client.h) asks the
// running gateway, OfflineQueue (offline_queue.h) opens the store when none runs. An answer is given only when it is
// true: what was deleted is gone from the log.

#ifndef POSTERN_GATEWAY_QUEUE_ACCESS_H_
#define POSTERN_GATEWAY_QUEUE_ACCESS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/message.h"
#include "relay/queue_view.h"

namespace postern {

// NotFound: no such message in the queue. Unavailable: busy, the same may do later. DeadlineExceeded: on its way, and
// nobody knows yet.
class QueueAccess {
 public:
  virtual ~QueueAccess() = default;

  // A page from `cursor` on, which is 0 for the first one and then QueuePage::next_cursor.
  virtual absl::StatusOr<QueuePage> List(uint64_t cursor) = 0;
  virtual absl::StatusOr<QueueEntryView> Show(MessageId message) = 0;
  virtual absl::Status Retry(MessageId message) = 0;
  virtual absl::Status RetryAll() = 0;
  virtual absl::Status Delete(MessageId message) = 0;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_QUEUE_ACCESS_H_
