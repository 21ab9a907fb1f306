#include "gateway/delivery_events.h"

#include "absl/strings/str_cat.h"
#include "core/message.h"

namespace postern {

void DeliveryEvents::HandleDelivery(const DeliveryEvent& event) {
  switch (event.kind) {
    case DeliveryEventKind::kConnected: return TellHost(Event::kConnected, event);
    case DeliveryEventKind::kConnectFailed: return TellHost(Event::kConnectFailed, event);
    case DeliveryEventKind::kTimedOut: return TellHost(Event::kTimedOut, event);
    case DeliveryEventKind::kDelivered: return TellRecipient(Event::kAttempted, "delivered", event);
    case DeliveryEventKind::kDeferred: return TellRecipient(Event::kAttempted, "deferred", event);
    case DeliveryEventKind::kExpired: return TellRecipient(Event::kAttempted, "expired", event);
    case DeliveryEventKind::kRejected: return TellRecipient(Event::kRejected, "failed", event);
    case DeliveryEventKind::kReadFailed: {
      return events_.Write(Event::kCorrupt, {{"id", ToText(event.message).view()}, {"text", event.text}});
    }
  }
}

void DeliveryEvents::TellRecipient(Event number, std::string_view state, const DeliveryEvent& event) {
  const MessageIdText id = ToText(event.message);
  const bool waits = event.kind == DeliveryEventKind::kDeferred;
  events_.Write(number, {{"dir", "out"},
                         {"id", id.view()},
                         {"state", state},
                         {"sender", event.sender},
                         {"recipient", event.recipient},
                         {"destination", event.destination},
                         {"host", event.host},
                         {"size", absl::AlphaNum(event.size).Piece()},
                         {"next_attempt", waits ? absl::AlphaNum(event.next_attempt.us / 1'000'000).Piece() : "never"},
                         {"text", event.text}});
}

void DeliveryEvents::TellHost(Event number, const DeliveryEvent& event) {
  events_.Write(number, {{"dir", "out"},
                         {"destination", event.destination},
                         {"host", event.host},
                         {"code", absl::AlphaNum(event.code).Piece()},
                         {"text", event.text}});
}

}  // namespace postern
