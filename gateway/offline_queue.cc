#include "gateway/offline_queue.h"

#include <deque>
#include <optional>
#include <utility>

#include "absl/log/check.h"
#include "core/envelope.h"
#include "gateway/black_box.h"
#include "gateway/poison_watch.h"
#include "gateway/queue_lookup.h"
#include "gateway/version.h"
#include "relay/queue_tally.h"

namespace postern {
namespace {

constexpr QueuePageLimits kPage = {.entry_count_max = 256, .recipient_count_max = 10'000, .place_count_max = 100'000};
constexpr size_t kPlacesAtOnce = 100'000;
constexpr size_t kRecordsAtOnce = 100'000;

absl::Status ToStatus(HandoffResult result) {
  switch (result) {
    case HandoffResult::kDurable: return absl::OkStatus();
    case HandoffResult::kNoRoom: return absl::ResourceExhaustedError("the disk is full: nothing was changed");
    default: return absl::InternalError("the log could not be written: nothing that was asked for is certain");
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<OfflineQueue>> OfflineQueue::Open(const Config& config,
                                                                 const DirectoryOpener& open_directory,
                                                                 const Clock& clock) {
  absl::StatusOr<RouteTable> routes = RouteTable::Create(config.routes);
  if (!routes.ok()) return routes.status();
  absl::StatusOr<std::unique_ptr<StoreSetup>> setup = StoreSetup::Open(config, open_directory, clock, kPlaces);
  if (!setup.ok()) return setup.status();
  auto queue = std::unique_ptr<OfflineQueue>(new OfflineQueue(config, *std::move(routes), *std::move(setup), clock));
  const absl::StatusOr<std::unique_ptr<Directory>> crashes = open_directory(config.crash_dir());
  if (crashes.ok()) PoisonWatch::PassOver(BlackBox::ReadGuilty(**crashes, kVersion), queue->store_);
  if (const absl::Status status = queue->Fold(); !status.ok()) return status;
  return queue;
}

OfflineQueue::OfflineQueue(const Config& config, RouteTable routes, std::unique_ptr<StoreSetup> setup,
                           const Clock& clock)
    : clock_(clock),
      routes_(std::move(routes)),
      book_(routes_, config.hostname),
      setup_(std::move(setup)),
      store_(setup_->logs(), *this),
      receipts_(kPlaces, *this) {}

// A recipient that no envelope tells of stays without a destination.
void OfflineQueue::HandleAccepted(MessageId, std::string_view envelope, std::span<QueuedRecipient> recipients) {
  const std::optional<Envelope> parsed = ParseEnvelope(envelope);
  if (!parsed.has_value() || parsed->recipients.size() != recipients.size()) return;
  for (size_t i = 0; i < recipients.size(); ++i) {
    recipients[i].destination = book_.Find(parsed->recipients[i].address);
  }
}

absl::Status OfflineQueue::Fold() {
  while (store_.Fold(*this, kRecordsAtOnce)) {
  }
  for (size_t i = 0; i < store_.log_count(); ++i) {
    if (!store_.reader(i).error().ok()) return store_.reader(i).error();
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> OfflineQueue::Destinations(absl::FunctionRef<void(const DestinationView&)> visit) {
  QueueTally tally(store_, book_);
  while (tally.Step(kPlacesAtOnce)) {
  }
  tally.Rank(std::nullopt);
  while (const std::optional<DestinationView> destination = tally.Next()) visit(*destination);
  return store_.message_count();
}

absl::StatusOr<QueuePage> OfflineQueue::List(const std::optional<std::string>& destination, uint64_t cursor) {
  const absl::StatusOr<std::optional<uint32_t>> found = FindDestination(book_, destination);
  if (!found.ok()) return found.status();
  return ListQueue(store_, book_, *found, cursor, kPage);
}

absl::StatusOr<QueueEntryView> OfflineQueue::Show(MessageId message) {
  std::optional<QueueEntryView> entry = ShowQueued(store_, book_, message);
  if (!entry.has_value()) return NotQueued(message);
  return *std::move(entry);
}

absl::Status OfflineQueue::Export(MessageId message, absl::FunctionRef<absl::Status(std::string_view)> write) {
  if (!store_.Find(message).has_value()) return NotQueued(message);
  const absl::StatusOr<StoredMessage> stored = store_.Open(message);
  if (!stored.ok()) return stored.status();
  for (;;) {
    const absl::StatusOr<std::string_view> piece = stored->body->Next();
    if (!piece.ok()) return piece.status();
    if (piece->empty()) return absl::OkStatus();
    if (absl::Status written = write(*piece); !written.ok()) return written;
  }
}

absl::StatusOr<ActResult> OfflineQueue::Act(QueueAction action, MessageId message) {
  if (!store_.Find(message).has_value()) return NotQueued(message);
  const absl::StatusOr<size_t> changed = Change({message}, action, std::nullopt);
  if (!changed.ok()) return changed.status();
  return *changed > 0 ? ActResult::kDone : ActResult::kUnchanged;
}

absl::StatusOr<ActResult> OfflineQueue::ActOnAll(QueueAction action, const std::optional<std::string>& destination) {
  const absl::StatusOr<std::optional<uint32_t>> found = FindDestination(book_, destination);
  if (!found.ok()) return found.status();
  size_t changed_count = 0;
  uint64_t cursor = 0;
  for (bool more = true; more;) {
    std::vector<MessageId> messages;
    more = store_.Walk(cursor, kPlaces, [&messages](const MailView& mail) { messages.push_back(mail.id); });
    const absl::StatusOr<size_t> changed = Change(messages, action, *found);
    if (!changed.ok()) return changed.status();
    changed_count += *changed;
  }
  return changed_count > 0 ? ActResult::kDone : ActResult::kUnchanged;
}

absl::StatusOr<size_t> OfflineQueue::Change(const std::vector<MessageId>& messages, QueueAction action,
                                            std::optional<uint32_t> destination) {
  std::deque<OutcomeWriter> outcomes;  // neither they nor the handoffs move while they are away
  std::deque<Handoff> handoffs;
  for (const MessageId message : messages) {
    const std::optional<MailState> queued = store_.Find(message);
    if (!EncodeOperation(*queued, action, destination, clock_.Wall(), outcomes.emplace_back())) {
      outcomes.pop_back();
      continue;
    }
    Handoff& handoff = handoffs.emplace_back();
    handoff.kind = HandoffKind::kOutcome;
    handoff.message = message;
    handoff.head = outcomes.back().bytes();
    handoff.home = &receipts_;
    CHECK(store_.TryPush(handoff)) << "there are as many places as messages";
  }
  for (size_t i = 0; i < setup_->log_count(); ++i) {
    while (setup_->writer(i).RunOnce() > 0) {
    }
  }
  absl::Status status;
  for (Handoff* handoff = nullptr; receipts_.queue.TryPop(handoff);) status.Update(ToStatus(handoff->result));
  if (!status.ok()) return status;
  if (const absl::Status folded = Fold(); !folded.ok()) return folded;
  return handoffs.size();
}

}  // namespace postern
