#include "relay/queue_view.h"

#include <utility>

#include "core/envelope.h"

namespace postern {

std::optional<QueueEntryView> ShowQueued(MailStore& store, MessageId message) {
  const std::optional<MailState> queued = store.Find(message);
  if (!queued.has_value()) return std::nullopt;
  QueueEntryView view;
  view.id = message;
  view.body_size = queued->body_size;
  for (uint32_t i = 0; i < queued->recipients.size(); ++i) {
    view.recipients.push_back({.address = {}, .status = queued->recipients[i], .text = store.LastText(message, i)});
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
  for (size_t i = 0; i < view.recipients.size(); ++i) view.recipients[i].address = envelope->recipients[i].address;
  return view;
}

QueuePage ListQueue(MailStore& store, uint64_t cursor, size_t entry_count_max) {
  QueuePage page;
  page.message_count = store.message_count();
  while (page.entries.size() < entry_count_max) {
    const std::optional<MessageId> next = store.Next(cursor);
    if (!next.has_value()) return page;
    if (std::optional<QueueEntryView> view = ShowQueued(store, *next)) page.entries.push_back(*std::move(view));
  }
  page.next_cursor = cursor;
  return page;
}

void EncodeOperation(const MailState& message, bool retry, WallTime now, OutcomeWriter& writer) {
  writer.Start();
  for (uint32_t i = 0; i < message.recipients.size(); ++i) {
    const QueuedRecipient& recipient = message.recipients[i];
    if (Settled(recipient.state)) continue;
    writer.Add({.recipient = i,
                .state = retry ? RecipientState::kWaiting : RecipientState::kDeleted,
                .attempt_count = recipient.attempt_count,
                .next_attempt = now,
                .reply = retry ? "to be tried again" : "deleted by an operator"});
  }
}

const char* ToText(RecipientState state) {
  switch (state) {
    case RecipientState::kWaiting: return "waiting";
    case RecipientState::kDeferred: return "deferred";
    case RecipientState::kDelivered: return "delivered";
    case RecipientState::kFailed: return "failed";
    case RecipientState::kDeleted: return "deleted";
  }
  return "";
}

}  // namespace postern
