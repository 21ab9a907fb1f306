#include "relay/queue_operations.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace postern {
namespace {

// Places of the queue that are looked at in one step.
constexpr size_t kWalkCount = 1000;

bool Concerns(const Wish& wish, const MailView& mail) {
  return std::any_of(mail.recipients.begin(), mail.recipients.end(),
                     [&wish](const QueuedRecipient& recipient) { return wish.Concerns(recipient); });
}

}  // namespace

QueueOperations::Answer QueueOperations::ActOnAll(QueueAction action, std::optional<uint32_t> destination) {
  if (sweep_.has_value()) return Answer::kBusy;
  const auto scope = destination.has_value() ? Wish::Scope::kDestination : Wish::Scope::kAll;
  sweep_ = Sweep{.wish = {.action = action, .scope = scope, .destination = destination.value_or(0)}};
  return Answer::kStarted;
}

bool QueueOperations::Continue() {
  if (!sweep_.has_value() || operations_.size() == kCountMax) return false;
  // Not more places than there is room for: so none is passed over.
  const size_t room = kCountMax - operations_.size();
  std::vector<MessageId> found;
  const Wish wish = sweep_->wish;
  bool more = true;
  for (size_t walked = 0; more && found.empty() && walked < kWalkCount; walked += room) {
    more = store_.Walk(sweep_->cursor, room, [&](const MailView& mail) {
      if (Concerns(wish, mail)) found.push_back(mail.id);
    });
  }
  if (!more) sweep_.reset();
  for (const MessageId message : found) Start(wish, message);
  return more;
}

QueueOperations::Answer QueueOperations::Start(const Wish& wish, MessageId message) {
  const std::optional<MailState> queued = store_.Find(message);
  if (!queued.has_value()) return Answer::kNotFound;
  if (!MayStart(message)) return Answer::kBusy;
  auto operation = std::make_unique<Operation>();
  operation->wish = wish;
  const std::optional<uint32_t> destination =
      wish.scope == Wish::Scope::kDestination ? std::optional(wish.destination) : std::nullopt;
  if (!EncodeOperation(*queued, wish.action, destination, clock_.Wall(), operation->outcome)) return Answer::kNothing;
  Send(std::move(operation), message);
  return Answer::kStarted;
}

QueueOperations::Answer QueueOperations::Note(MessageId message, std::span<const RecipientOutcome> outcomes) {
  if (!MayStart(message)) return Answer::kBusy;
  auto operation = std::make_unique<Operation>();
  operation->outcome.Start();
  for (const RecipientOutcome& outcome : outcomes) operation->outcome.Add(outcome);
  Send(std::move(operation), message);
  return Answer::kStarted;
}

QueueOperations::Answer QueueOperations::Park(MessageId message, std::string_view why) {
  const std::optional<MailState> queued = store_.Find(message);
  if (!queued.has_value()) return Answer::kNotFound;
  if (!MayStart(message)) return Answer::kBusy;
  auto operation = std::make_unique<Operation>();
  if (!EncodeParking(*queued, why, clock_.Wall(), operation->outcome)) return Answer::kNothing;
  Send(std::move(operation), message);
  return Answer::kStarted;
}

void QueueOperations::Send(std::unique_ptr<Operation> operation, MessageId message) {
  Handoff& handoff = operation->handoff;
  handoff.message = message;
  handoff.head = operation->outcome.bytes();
  operations_.emplace(&handoff, std::move(operation));
  post_.Send(handoff);
}

bool QueueOperations::WorksOn(MessageId message) const {
  return std::any_of(operations_.begin(), operations_.end(),
                     [message](const auto& entry) { return entry.first->message == message; });
}

void QueueOperations::HandleReadBack(Handoff& handoff) {
  const auto it = operations_.find(&handoff);
  const std::unique_ptr<Operation> operation = std::move(it->second);
  operations_.erase(it);
  if (operation->wish.has_value()) host_.HandleOperationDone(*operation->wish, operation->handoff.message);
}

}  // namespace postern
