#include "relay/queue_view.h"

#include <algorithm>
#include <utility>

#include "core/envelope.h"
#include "relay/report_duty.h"

namespace postern {
namespace {

std::string DueText(RecipientState state, const EnvelopeHead& head, const Recipient& recipient) {
  if (state == RecipientState::kArrived) return "success report to the sender";
  if (state != RecipientState::kFailed) return {};
  switch (FailureDuty(head, recipient)) {
    case Duty::kNone: return {};
    case Duty::kReport: return "failure report to the sender";
    case Duty::kPostmaster: return "failure report to postmaster";
    case Duty::kDeadLetter: return "to the dead letters";
  }
  return {};
}

std::string NameOf(const DestinationBook& book, uint32_t destination) {
  return destination < book.count() ? book.entry(destination).name : std::string();
}

struct Change {
  RecipientState state;
  std::string_view reply;
};

// What a wish makes of a recipient; nothing when it is not meant.
std::optional<Change> ChangeOf(QueueAction action, RecipientState state) {
  // Of a delay the sender is told once, whatever an operator wishes in between.
  const bool was_told = state == RecipientState::kDelayed || state == RecipientState::kHeldDelayed;
  switch (action) {
    case QueueAction::kRetry:
      if (!Waits(state)) return std::nullopt;
      return Change{was_told ? RecipientState::kDelayed : RecipientState::kWaiting, "to be tried again"};
    case QueueAction::kHold:
      if (!Waits(state)) return std::nullopt;
      return Change{was_told ? RecipientState::kHeldDelayed : RecipientState::kHeld, "held by the operator"};
    case QueueAction::kRelease:
      if (!IsHeld(state)) return std::nullopt;
      return Change{was_told ? RecipientState::kDelayed : RecipientState::kWaiting, "released by the operator"};
    case QueueAction::kDelete:
      if (Settled(state)) return std::nullopt;
      return Change{RecipientState::kDeleted, "deleted by the operator"};
    case QueueAction::kBounce:
      if (!Waits(state) && !IsHeld(state)) return std::nullopt;
      return Change{RecipientState::kFailed, "550 5.0.0 returned by the operator"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<QueueEntryView> ShowQueued(MailStore& store, const DestinationBook& book, MessageId message) {
  const std::optional<MailState> queued = store.Find(message);
  if (!queued.has_value()) return std::nullopt;
  QueueEntryView view;
  view.id = message;
  view.body_size = queued->body_size;
  view.flags = queued->flags;
  for (uint32_t i = 0; i < queued->recipients.size(); ++i) {
    const QueuedRecipient& status = queued->recipients[i];
    view.recipients.push_back(
        {.destination = NameOf(book, status.destination), .status = status, .text = store.LastText(message, i)});
  }
  const absl::StatusOr<StoredMessage> stored = store.Open(message);
  if (!stored.ok()) {
    view.error = stored.status().message();
    return view;
  }
  const std::optional<Envelope> envelope = ParseEnvelope(stored->envelope);
  if (!envelope.has_value() || envelope->recipients.size() != view.recipients.size()) {
    view.error = "the envelope is damaged";
    return view;
  }
  view.sender = envelope->sender;
  view.peer = envelope->peer;
  for (size_t i = 0; i < view.recipients.size(); ++i) {
    const Recipient& recipient = envelope->recipients[i];
    view.recipients[i].address = recipient.address;
    view.recipients[i].due = DueText(view.recipients[i].status.state, *envelope, recipient);
  }
  return view;
}

QueuePage ListQueue(MailStore& store, const DestinationBook& book, std::optional<uint32_t> destination, uint64_t cursor,
                    const QueuePageLimits& limits) {
  QueuePage page;
  page.message_count = store.message_count();
  size_t recipient_count = 0;
  for (size_t place_count = 0; place_count < limits.place_count_max && page.entries.size() < limits.entry_count_max &&
                               recipient_count < limits.recipient_count_max;
       ++place_count) {
    std::optional<MessageId> found;
    const bool more = store.Walk(cursor, 1, [&](const MailView& mail) {
      const bool concerned = std::any_of(mail.recipients.begin(), mail.recipients.end(), [&](const QueuedRecipient& r) {
        return !destination.has_value() || r.destination == *destination;
      });
      if (concerned) found = mail.id;
    });
    if (found.has_value()) {
      if (std::optional<QueueEntryView> view = ShowQueued(store, book, *found)) {
        recipient_count += view->recipients.size();
        page.entries.push_back(*std::move(view));
      }
    }
    if (!more) return page;
  }
  page.next_cursor = cursor;
  return page;
}

bool EncodeOperation(const MailState& message, QueueAction action, std::optional<uint32_t> destination, WallTime now,
                     OutcomeWriter& writer) {
  writer.Start();
  bool any = false;
  for (uint32_t i = 0; i < message.recipients.size(); ++i) {
    const QueuedRecipient& recipient = message.recipients[i];
    if (destination.has_value() && recipient.destination != *destination) continue;
    const std::optional<Change> change = ChangeOf(action, recipient.state);
    if (!change.has_value()) continue;
    any = true;
    writer.Add({.recipient = i,
                .state = change->state,
                .attempt_count = recipient.attempt_count,
                .next_attempt = now,
                .reply = change->reply});
  }
  return any;
}

bool EncodeParking(const MailState& message, std::string_view why, WallTime now, OutcomeWriter& writer) {
  writer.Start();
  bool any = false;
  for (uint32_t i = 0; i < message.recipients.size(); ++i) {
    const QueuedRecipient& recipient = message.recipients[i];
    if (Settled(recipient.state) || IsHeld(recipient.state)) continue;
    const bool was_told = recipient.state == RecipientState::kDelayed;
    any = true;
    writer.Add({.recipient = i,
                .state = recipient.state == RecipientState::kArrived ? RecipientState::kDelivered
                         : was_told                                  ? RecipientState::kHeldDelayed
                                                                     : RecipientState::kHeld,
                .attempt_count = recipient.attempt_count,
                .next_attempt = now,
                .reply = why});
  }
  return any;
}

const char* ToText(RecipientState state) {
  switch (state) {
    case RecipientState::kWaiting: return "waiting";
    case RecipientState::kDeferred: return "deferred";
    case RecipientState::kDelivered: return "delivered";
    case RecipientState::kFailed: return "failed";
    case RecipientState::kDeleted: return "deleted";
    case RecipientState::kDelayed: return "delayed";
    case RecipientState::kHeld:
    case RecipientState::kHeldDelayed: return "held";  // the difference is the relay's alone
    case RecipientState::kArrived: return "arrived";
    case RecipientState::kBounced: return "bounced";
  }
  return "";
}

}  // namespace postern
