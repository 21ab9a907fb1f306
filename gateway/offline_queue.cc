#include "gateway/offline_queue.h"

#include <deque>
#include <optional>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace postern {
namespace {

constexpr size_t kPageEntries = 256;
constexpr size_t kRecordsAtOnce = 100'000;

absl::Status NotFound(MessageId message) {
  return absl::NotFoundError(absl::StrCat(ToText(message).view(), ": not in the queue"));
}

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
  absl::StatusOr<std::unique_ptr<StoreSetup>> setup = StoreSetup::Open(config, open_directory, clock, kPlaces);
  if (!setup.ok()) return setup.status();
  auto queue = std::unique_ptr<OfflineQueue>(new OfflineQueue(*std::move(setup), clock));
  if (const absl::Status status = queue->Fold(); !status.ok()) return status;
  return queue;
}

OfflineQueue::OfflineQueue(std::unique_ptr<StoreSetup> setup, const Clock& clock)
    : clock_(clock), setup_(std::move(setup)), store_(setup_->logs(), *this), receipts_(kPlaces, *this) {}

absl::Status OfflineQueue::Fold() {
  while (store_.Fold(*this, kRecordsAtOnce)) {
  }
  for (size_t i = 0; i < store_.log_count(); ++i) {
    if (!store_.reader(i).error().ok()) return store_.reader(i).error();
  }
  return absl::OkStatus();
}

absl::StatusOr<QueuePage> OfflineQueue::List(uint64_t cursor) { return ListQueue(store_, cursor, kPageEntries); }

absl::StatusOr<QueueEntryView> OfflineQueue::Show(MessageId message) {
  std::optional<QueueEntryView> entry = ShowQueued(store_, message);
  if (!entry.has_value()) return NotFound(message);
  return *std::move(entry);
}

absl::Status OfflineQueue::Retry(MessageId message) {
  if (!store_.Find(message).has_value()) return NotFound(message);
  return Change({message}, /*retry=*/true);
}

absl::Status OfflineQueue::Delete(MessageId message) {
  if (!store_.Find(message).has_value()) return NotFound(message);
  return Change({message}, /*retry=*/false);
}

absl::Status OfflineQueue::RetryAll() {
  uint64_t cursor = 0;
  for (;;) {
    std::vector<MessageId> messages;
    while (messages.size() < kPlaces) {
      const std::optional<MessageId> next = store_.Next(cursor);
      if (!next.has_value()) break;
      messages.push_back(*next);
    }
    if (messages.empty()) return absl::OkStatus();
    if (const absl::Status status = Change(messages, /*retry=*/true); !status.ok()) return status;
  }
}

absl::Status OfflineQueue::Change(const std::vector<MessageId>& messages, bool retry) {
  std::deque<OutcomeWriter> outcomes;  // neither they nor the handoffs move while they are away
  std::deque<Handoff> handoffs;
  for (const MessageId message : messages) {
    EncodeOperation(*store_.Find(message), retry, clock_.Wall(), outcomes.emplace_back());
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
  return Fold();
}

}  // namespace postern
