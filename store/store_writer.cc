#include "store/store_writer.h"

#include <algorithm>
#include <utility>

#include "absl/log/check.h"

namespace postern {
namespace {

constexpr size_t kUnusedCountMax = 1024;  // records of open messages that are kept for the next ones

}  // namespace

StoreWriter::StoreWriter(SegmentLog& log, size_t places, Wakeable* follower)
    : log_(log), follower_(follower), queue_(places), fetcher_(log.directory()) {
  batch_.reserve(places);
  homes_.reserve(16);
  told_ = log.durable();
}

void StoreWriter::Run(const std::atomic<bool>& stop) {
  for (;;) {
    if (RunOnce() > 0) continue;
    if (stop.load(std::memory_order_acquire)) break;
    bell_.SleepUnless([&] {
      return !queue_.LooksEmpty() || stop.load(std::memory_order_acquire) ||
             needed_segment_.load(std::memory_order_acquire) != released_before_;
    });
  }
  // A failure here costs the next start a look at the tail, and nobody anything.
  log_.Seal().IgnoreError();
}

size_t StoreWriter::RunOnce() {
  batch_.clear();
  sync_needed_ = false;
  log_.BeginBatch();
  Handoff* handoff = nullptr;
  while (batch_.size() < queue_.places() && queue_.TryPop(handoff)) {
    Pending pending{handoff, {}, AppendResult::kOk};
    pending.result = Handle(*handoff, pending.position);
    batch_.push_back(pending);
  }
  if (!batch_.empty()) {
    Commit();
    SendReceipts();
  }
  Release();
  return batch_.size();
}

AppendResult StoreWriter::Handle(Handoff& handoff, Position& position) {
  switch (handoff.kind) {
    case HandoffKind::kFragment: return AppendFragment(handoff, position);
    case HandoffKind::kAccepted: return AppendAccepted(handoff, position);
    case HandoffKind::kMove: return AppendMove(handoff, position);
    case HandoffKind::kOutcome:
      sync_needed_ = true;
      return log_.Append({.kind = RecordKind::kOutcome, .message = handoff.message, .head = handoff.head}, position);
    case HandoffKind::kAbandoned:
      // Nothing is written: a message without its accepted record has never been.
      if (auto open = Close(handoff.message); open != nullptr) closing_.push_back(std::move(open));
      return AppendResult::kOk;
  }
  return AppendResult::kNoRoom;
}

StoreWriter::OpenMessage& StoreWriter::Open(MessageId message) {
  std::unique_ptr<OpenMessage>& open = open_[message.number];
  if (open == nullptr) {
    if (unused_.empty()) {
      open = std::make_unique<OpenMessage>();
    } else {
      open = std::move(unused_.back());
      unused_.pop_back();
    }
  }
  return *open;
}

std::unique_ptr<StoreWriter::OpenMessage> StoreWriter::Close(MessageId message) {
  const auto it = open_.find(message.number);
  if (it == open_.end()) return nullptr;
  std::unique_ptr<OpenMessage> open = std::move(it->second);
  open_.erase(it);
  return open;
}

AppendResult StoreWriter::AppendFragment(const Handoff& handoff, Position& position) {
  OpenMessage& open = Open(handoff.message);
  const std::string_view body = handoff.body != nullptr ? std::string_view(handoff.body->data, handoff.body->size) : "";
  AppendResult result = AppendResult::kNoRoom;
  if (!open.broken && open.size + body.size() <= UINT32_MAX) {
    result = log_.Append({.kind = RecordKind::kFragment, .message = handoff.message, .body = body}, position);
  }
  if (result != AppendResult::kOk) {
    open.broken = true;
    return result;
  }
  open.fragments.push_back(position);
  open.size += body.size();
  return result;
}

AppendResult StoreWriter::AppendAccepted(const Handoff& handoff, Position& position) {
  const std::string_view body = handoff.body != nullptr ? std::string_view(handoff.body->data, handoff.body->size) : "";
  NewRecord record{.kind = RecordKind::kAccepted, .message = handoff.message, .head = handoff.head, .body = body};
  uint64_t size = body.size();
  std::unique_ptr<OpenMessage> open = Close(handoff.message);
  bool broken = false;
  if (open != nullptr) {
    record.fragments = open->fragments;
    size += open->size;
    broken = open->broken;
    closing_.push_back(std::move(open));
  }
  if (broken || size > UINT32_MAX) return log_.poisoned() ? AppendResult::kPoisoned : AppendResult::kNoRoom;
  record.message_size = static_cast<uint32_t>(size);
  sync_needed_ = true;
  return log_.Append(record, position);
}

// Copies a message as it is: a body that the disk has damaged stays damaged, and is told when somebody reads it.
AppendResult StoreWriter::AppendMove(const Handoff& handoff, Position& position) {
  const absl::StatusOr<RecordView> old = fetcher_.Fetch(Position::Unpack(handoff.position), Verify::kAllButBody);
  if (!old.ok() || old->message != handoff.message) return AppendResult::kNoRoom;
  if (old->kind != RecordKind::kAccepted && old->kind != RecordKind::kMoved) return AppendResult::kNoRoom;
  const std::string head(old->head);
  const std::string body(old->body);
  const uint32_t body_checksum = old->body_checksum;
  const uint32_t message_size = old->message_size;
  std::vector<Position> fragments(old->fragments.begin(), old->fragments.end());
  for (Position& fragment : fragments) {
    const absl::StatusOr<RecordView> piece = fetcher_.Fetch(fragment, Verify::kAllButBody);
    if (!piece.ok() || piece->kind != RecordKind::kFragment || piece->message != handoff.message) {
      fragment = {};  // lost: whoever reads the message will be told
      continue;
    }
    const uint32_t checksum = piece->body_checksum;
    const AppendResult result = log_.Append(
        {.kind = RecordKind::kFragment, .message = handoff.message, .body = piece->body, .body_checksum = &checksum},
        fragment);
    if (result != AppendResult::kOk) return result;
    // The fetcher's memory is needed for the next piece.
    if (!log_.Flush().ok()) return log_.poisoned() ? AppendResult::kPoisoned : AppendResult::kNoRoom;
  }
  sync_needed_ = true;
  const AppendResult result = log_.Append({.kind = RecordKind::kMoved,
                                           .message = handoff.message,
                                           .head = head,
                                           .state = handoff.head,
                                           .body = body,
                                           .fragments = fragments,
                                           .message_size = message_size,
                                           .body_checksum = &body_checksum},
                                          position);
  if (result == AppendResult::kOk) log_.Flush().IgnoreError();  // judged with the batch
  return result;
}

void StoreWriter::Commit() {
  absl::Status status = log_.Flush();
  if (status.ok() && sync_needed_) {
    status = log_.Sync();
    sync_count_.fetch_add(1, std::memory_order_relaxed);
  }
  for (std::unique_ptr<OpenMessage>& open : closing_) {
    open->fragments.clear();
    open->size = 0;
    open->broken = false;
    if (unused_.size() < kUnusedCountMax) unused_.push_back(std::move(open));
  }
  closing_.clear();
  poisoned_.store(log_.poisoned(), std::memory_order_relaxed);
}

HandoffResult StoreWriter::Judge(const Pending& pending) const {
  const HandoffResult failure = log_.poisoned() ? HandoffResult::kPoisoned : HandoffResult::kNoRoom;
  if (pending.result == AppendResult::kPoisoned) return HandoffResult::kPoisoned;
  if (pending.result == AppendResult::kNoRoom) return HandoffResult::kNoRoom;
  switch (pending.handoff->kind) {
    case HandoffKind::kAbandoned: return HandoffResult::kDurable;
    case HandoffKind::kFragment: return log_.Written(pending.position) ? HandoffResult::kDurable : failure;
    default: return log_.Durable(pending.position) ? HandoffResult::kDurable : failure;
  }
}

void StoreWriter::SendReceipts() {
  bool no_room = false;
  uint64_t record_count = 0;
  homes_.clear();
  // The frontier is already published: who hears of a receipt finds its record.
  for (const Pending& pending : batch_) {
    Handoff* const handoff = pending.handoff;
    handoff->result = Judge(pending);
    record_count += handoff->result == HandoffResult::kDurable;
    no_room = no_room || handoff->result == HandoffResult::kNoRoom;
    if (handoff->kind == HandoffKind::kFragment && handoff->result != HandoffResult::kDurable) {
      if (const auto it = open_.find(handoff->message.number); it != open_.end()) it->second->broken = true;
    }
    ReceiptBox* const home = handoff->home;
    if (home == nullptr) continue;
    CHECK(home->queue.TryPush(handoff)) << "a receipt box is too small for what is away";
    if (std::find(homes_.begin(), homes_.end(), home) == homes_.end()) homes_.push_back(home);
  }
  full_.store(no_room, std::memory_order_relaxed);
  record_count_.fetch_add(record_count, std::memory_order_relaxed);
  for (ReceiptBox* home : homes_) home->owner.Wake();
  if (log_.durable() != told_) {
    told_ = log_.durable();
    if (follower_ != nullptr) follower_->Wake();
  }
}

void StoreWriter::Release() {
  const uint32_t needed = needed_segment_.load(std::memory_order_acquire);
  released_before_ = needed;
  if (needed <= log_.oldest_segment()) return;
  uint32_t limit = needed;
  for (const auto& [id, open] : open_) {
    if (!open->fragments.empty()) limit = std::min(limit, open->fragments.front().segment);
  }
  log_.ReleaseBefore(limit).IgnoreError();  // tried again with the next batch; a failed sync has poisoned the log
  poisoned_.store(log_.poisoned(), std::memory_order_relaxed);
}

}  // namespace postern
