// DeliveryListener hears what happens on the road out, and makes event lines, counters or nothing of it.
//
// The gateway owns one; the relay calls it on its own thread. An event's texts are gone when the call returns. They
// come from peers: data, never a format.

#ifndef POSTERN_RELAY_DELIVERY_LISTENER_H_
#define POSTERN_RELAY_DELIVERY_LISTENER_H_

#include <cstdint>
#include <string_view>

#include "core/clock.h"
#include "core/message.h"

namespace postern {

enum class DeliveryEventKind : uint8_t {
  kConnected,      // 2003: a connection to `host` stands
  kConnectFailed,  // 3010: to `host`, `text` says why
  kDelivered,      // 2001: one recipient arrived
  kDeferred,       // 2001: one recipient waits for `next_attempt`
  kExpired,        // 2001: one recipient was tried for the last time
  kRejected,       // 4031: one recipient was refused for good: `code`, `text`; 4098 when that is for a loop (X.4.6)
  kTimedOut,       // 4051: `host` was silent; `text` says at which stage
  kReadFailed,     // 3013: the message cannot be read from the log
  kReported,       // 1015: `report`, about `message`, is queued for `recipient`; `text` is its kind
  kReportFailed,   // 3014: no report about `message` could be made now; `text` says why
  kDeadLetter,     // 1014: what nobody could be told lies in the dead-letter folder, `host`
};

struct DeliveryEvent {
  DeliveryEventKind kind = DeliveryEventKind::kConnected;
  MessageId message{};             // zero for events of a connection
  MessageId report{};              // kReported
  std::string_view destination{};  // "mail.internal:25", or the maildir route
  std::string_view host{};         // "192.0.2.1:25", or the mailbox
  std::string_view sender{};
  std::string_view recipient{};
  uint16_t code = 0;  // of the reply; 0 when there was none
  std::string_view text{};
  uint64_t size = 0;  // bytes of the body
  WallTime next_attempt{};
};

class DeliveryListener {
 public:
  virtual ~DeliveryListener() = default;
  virtual void HandleDelivery(const DeliveryEvent& event) = 0;
};

}  // namespace postern

#endif  // POSTERN_RELAY_DELIVERY_LISTENER_H_
