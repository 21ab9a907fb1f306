#include "gateway/delivery_events.h"

#include "absl/strings/str_cat.h"
#include "core/message.h"
#include "smtp/noted_reply.h"

namespace postern {
namespace {

// Mail that goes round has an event of its own (imc.md: Q260247), whether its hops were counted or it was to come back.
bool IsLoop(const DeliveryEvent& event) { return ReadNote(event.text).enhanced == "5.4.6"; }

}  // namespace

void DeliveryEvents::HandleDelivery(const DeliveryEvent& event) {
  switch (event.kind) {
    case DeliveryEventKind::kConnected: return TellHost(Event::kConnected, event);
    case DeliveryEventKind::kConnectFailed: return TellHost(Event::kConnectFailed, event);
    case DeliveryEventKind::kTimedOut: return TellHost(Event::kTimedOut, event);
    case DeliveryEventKind::kDelivered: return TellRecipient(Event::kAttempted, "delivered", event);
    case DeliveryEventKind::kDeferred: return TellRecipient(Event::kAttempted, "deferred", event);
    case DeliveryEventKind::kExpired: return TellRecipient(Event::kAttempted, "expired", event);
    case DeliveryEventKind::kRejected:
      return TellRecipient(IsLoop(event) ? Event::kTooManyHops : Event::kRejected, "failed", event);
    case DeliveryEventKind::kDeadLetter: return TellRecipient(Event::kDeadLetter, "dead-letter", event);
    case DeliveryEventKind::kReported: return TellReport(event);
    case DeliveryEventKind::kReadFailed: return TellTrouble(Event::kCorrupt, event);
    case DeliveryEventKind::kReportFailed: return TellTrouble(Event::kReportFailed, event);
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

void DeliveryEvents::TellReport(const DeliveryEvent& event) {
  const MessageIdText id = ToText(event.report);
  const MessageIdText about = ToText(event.message);
  events_.Write(Event::kReported, {{"dir", "out"},
                                   {"id", id.view()},
                                   {"about", about.view()},
                                   {"recipient", event.recipient},
                                   {"kind", event.text}});
}

void DeliveryEvents::TellTrouble(Event number, const DeliveryEvent& event) {
  const MessageIdText id = ToText(event.message);
  events_.Write(number, {{"id", id.view()}, {"text", event.text}});
}

void DeliveryEvents::TellHost(Event number, const DeliveryEvent& event) {
  events_.Write(number, {{"dir", "out"},
                         {"destination", event.destination},
                         {"host", event.host},
                         {"code", absl::AlphaNum(event.code).Piece()},
                         {"text", event.text}});
}

}  // namespace postern
