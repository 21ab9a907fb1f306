#include "store/store_writer.h"

#include <algorithm>
#include <utility>

#include "absl/log/check.h"

namespace postern {
namespace {

constexpr size_t kMoveSizePerRun = 4u * 1024 * 1024;
constexpr size_t kUnusedCountMax = 1024;  // records of open messages that are kept for the next ones

std::string_view BodyOf(const Handoff& handoff) {
  if (handoff.body == nullptr) return {};
  return {handoff.body->data, handoff.body->size};
}

bool SettlesAnother(const Handoff& handoff) {
  return handoff.kind == HandoffKind::kAccepted && handoff.about != MessageId{};
}

// Whose recipients the handoff changes, or moves.
MessageId SettledMessage(const Handoff& handoff) { return SettlesAnother(handoff) ? handoff.about : handoff.message; }

}  // namespace

StoreWriter::StoreWriter(SegmentLog& log, size_t places, Wakeable* follower)
    : log_(log), follower_(follower), queue_(places), unused_(kUnusedCountMax), fetcher_(log.directory()) {
  batch_.reserve(places);
  homes_.reserve(16);
  told_ = log.durable();
}

void StoreWriter::Run(const std::atomic<bool>& stop) {
  for (;;) {
    if (RunOnce() > 0) continue;
    if (stop.load(std::memory_order_acquire)) break;
    bell_.SleepUnless([&] { return HasWork() || stop.load(std::memory_order_acquire); });
  }
  // A failure here costs the next start a look at the tail, and nobody anything.
  log_.Seal().IgnoreError();
  poisoned_.store(log_.poisoned(), std::memory_order_relaxed);
}

size_t StoreWriter::RunOnce() {
  const StepCount::Scope step(steps_);
  batch_.clear();
  no_room_ = false;
  sync_needed_ = false;
  log_.BeginBatch();
  size_t count = 0;
  Handoff* handoff = nullptr;
  for (; count < queue_.places() && queue_.TryPop(handoff); ++count) {
    if (BelongsBehindMove(*handoff)) {
      late_.push_back(handoff);
      continue;
    }
    Pending pending{handoff, {}, HandoffResult::kPending};
    const WorkScope work(slot_, WorkStage::kStoring, handoff->message);
    pending.result = Handle(*handoff, pending.position);
    batch_.push_back(pending);
  }
  if (!batch_.empty()) {
    Commit();
    SendReceipts();
  }
  if (!late_.empty()) {
    ++count;
    RunMoves();
  }
  Release();
  return count;
}

bool StoreWriter::BelongsBehindMove(const Handoff& handoff) const {
  if (handoff.kind == HandoffKind::kMove) return true;
  const bool settles = handoff.kind == HandoffKind::kOutcome || SettlesAnother(handoff);
  return settles && std::any_of(late_.begin(), late_.end(), [message = SettledMessage(handoff)](const Handoff* late) {
           return SettledMessage(*late) == message;
         });
}

// A batch of its own, which stops after kMoveSizePerRun. What is left of a message goes on in the next one; until its
// record is written its pieces are waste, and its old place counts.
void StoreWriter::RunMoves() {
  batch_.clear();
  sync_needed_ = false;
  log_.BeginBatch();
  for (size_t size = 0; size < kMoveSizePerRun && !late_.empty();) {
    Handoff& handoff = *late_.front();
    const WorkScope work(slot_, WorkStage::kStoring, handoff.message);
    Pending pending{&handoff, {}, HandoffResult::kPending};
    pending.result = handoff.kind == HandoffKind::kMove ? ContinueMove(handoff, pending.position, size)
                                                        : Handle(handoff, pending.position);
    if (pending.result == HandoffResult::kPending && pending.position == Position{}) continue;
    late_.pop_front();
    move_.reset();
    batch_.push_back(pending);
  }
  if (!batch_.empty()) {
    Commit();
    SendReceipts();
  }
}

HandoffResult StoreWriter::Handle(Handoff& handoff, Position& position) {
  switch (handoff.kind) {
    case HandoffKind::kFragment: return AppendFragment(handoff, position);
    case HandoffKind::kAccepted: return AppendAccepted(handoff, position);
    case HandoffKind::kMove: break;  // RunMoves()
    case HandoffKind::kOutcome:
      sync_needed_ = true;
      return Append(
          {.kind = RecordKind::kOutcome, .message = handoff.message, .head = handoff.head, .frees_room = true},
          position);
    case HandoffKind::kAbandoned:
      // Nothing is written: a message without its accepted record has never been.
      if (auto open = Close(handoff.message); open != nullptr) closing_.push_back(std::move(open));
      return HandoffResult::kDurable;
  }
  return HandoffResult::kLost;
}

HandoffResult StoreWriter::Append(const NewRecord& record, Position& position) {
  switch (log_.Append(record, position)) {
    case AppendResult::kOk: return HandoffResult::kPending;
    case AppendResult::kNoRoom: return HandoffResult::kNoRoom;
    // No full disk: mail that is smaller is taken, and nobody needs to try this one again.
    case AppendResult::kTooLarge: return HandoffResult::kLost;
    case AppendResult::kPoisoned: break;
  }
  return HandoffResult::kPoisoned;
}

StoreWriter::OpenMessage& StoreWriter::Open(MessageId message) {
  std::unique_ptr<OpenMessage>& open = open_[message.number];
  if (open == nullptr) open = unused_.Take();
  return *open;
}

std::unique_ptr<StoreWriter::OpenMessage> StoreWriter::Close(MessageId message) {
  const auto it = open_.find(message.number);
  if (it == open_.end()) return nullptr;
  std::unique_ptr<OpenMessage> open = std::move(it->second);
  open_.erase(it);
  return open;
}

HandoffResult StoreWriter::AppendFragment(const Handoff& handoff, Position& position) {
  OpenMessage& open = Open(handoff.message);
  const std::string_view body = BodyOf(handoff);
  HandoffResult result = NoRoom();
  if (!open.broken && open.size + body.size() <= UINT32_MAX) {
    result = Append({.kind = RecordKind::kFragment, .message = handoff.message, .body = body}, position);
  }
  if (result != HandoffResult::kPending) {
    open.broken = true;
    return result;
  }
  open.fragments.push_back(position);
  open.size += body.size();
  return result;
}

HandoffResult StoreWriter::AppendAccepted(const Handoff& handoff, Position& position) {
  const std::string_view body = BodyOf(handoff);
  NewRecord record{.kind = RecordKind::kAccepted, .message = handoff.message, .head = handoff.head, .body = body};
  uint64_t size = body.size();
  bool broken = false;
  if (std::unique_ptr<OpenMessage> open = Close(handoff.message); open != nullptr) {
    record.fragments = open->fragments;
    size += open->size;
    broken = open->broken;
    closing_.push_back(std::move(open));
  }
  if (broken || size > UINT32_MAX) return NoRoom();
  record.message_size = static_cast<uint32_t>(size);
  if (SettlesAnother(handoff)) {
    record.kind = RecordKind::kReport;
    record.state = settlements_.emplace_back(EncodeSettlement({handoff.about, handoff.about_outcome}));
  }
  sync_needed_ = true;
  const HandoffResult result = Append(record, position);
  if (result == HandoffResult::kPending && !record.fragments.empty() &&
      record.fragments.front().segment != position.segment) {
    spread_.push_back({position, record.fragments.front().segment});
  }
  return result;
}

// Copies a message as it is: a body that the disk has damaged stays damaged, and is told when somebody reads it.
HandoffResult StoreWriter::StartMove(const Handoff& handoff) {
  const absl::StatusOr<RecordView> old = fetcher_.Fetch(Position::Unpack(handoff.position), Verify::kAllButBody);
  if (!old.ok()) return absl::IsDataLoss(old.status()) ? HandoffResult::kLost : HandoffResult::kUnread;
  if (old->message != handoff.message) return HandoffResult::kLost;
  if (!MakesMessage(old->kind)) return HandoffResult::kLost;
  // The fetcher's memory is needed for the pieces.
  move_.emplace(Move{.head = std::string(old->head),
                     .body = std::string(old->body),
                     .body_checksum = old->body_checksum,
                     .message_size = old->message_size,
                     .fragments = {old->fragments.begin(), old->fragments.end()}});
  return HandoffResult::kPending;
}

HandoffResult StoreWriter::ContinueMove(const Handoff& handoff, Position& position, size_t& size) {
  if (!move_.has_value()) {
    if (const HandoffResult result = StartMove(handoff); result != HandoffResult::kPending) return result;
  }
  HandoffResult result = HandoffResult::kPending;
  if (move_->copied_count < move_->fragments.size()) {
    Position& fragment = move_->fragments[move_->copied_count++];
    const absl::StatusOr<RecordView> piece = fetcher_.Fetch(fragment, Verify::kAllButBody);
    // What cannot be read just now may be whole: the message stays where it is, and that segment is not freed.
    if (!piece.ok() && !absl::IsDataLoss(piece.status())) return HandoffResult::kUnread;
    if (!piece.ok() || piece->kind != RecordKind::kFragment || piece->message != handoff.message) {
      fragment = {};  // lost: whoever reads the message will be told
      return HandoffResult::kPending;
    }
    const uint32_t checksum = piece->body_checksum;
    size += piece->body.size();
    result = Append({.kind = RecordKind::kFragment,
                     .message = handoff.message,
                     .body = piece->body,
                     .body_checksum = &checksum,
                     .frees_room = true},
                    fragment);
  } else {
    size += move_->head.size() + move_->body.size() + handoff.head.size();
    sync_needed_ = true;
    result = Append({.kind = RecordKind::kMoved,
                     .message = handoff.message,
                     .head = move_->head,
                     .state = handoff.head,
                     .body = move_->body,
                     .fragments = move_->fragments,
                     .message_size = move_->message_size,
                     .body_checksum = &move_->body_checksum,
                     .frees_room = true},
                    position);
  }
  // What was lent is used again at once.
  if (result == HandoffResult::kPending && !log_.Flush().ok() && position == Position{}) return NoRoom();
  return result;
}

void StoreWriter::Commit() {
  log_.Flush().IgnoreError();  // what it kept is judged record by record
  if (sync_needed_ && !log_.poisoned()) {
    log_.Sync().IgnoreError();
    sync_count_.fetch_add(1, std::memory_order_relaxed);
  }
  for (std::unique_ptr<OpenMessage>& open : closing_) {
    open->fragments.clear();
    open->size = 0;
    open->broken = false;
    unused_.Give(std::move(open));
  }
  closing_.clear();
  settlements_.clear();
  poisoned_.store(log_.poisoned(), std::memory_order_relaxed);
}

HandoffResult StoreWriter::Judge(const Pending& pending) const {
  if (pending.result != HandoffResult::kPending) return pending.result;
  const bool is_kept =
      pending.handoff->kind == HandoffKind::kFragment ? log_.Written(pending.position) : log_.Durable(pending.position);
  return is_kept ? HandoffResult::kDurable : NoRoom();
}

void StoreWriter::SendReceipts() {
  uint64_t record_count = 0;
  homes_.clear();
  // The frontier is already published: who hears of a receipt finds its record.
  for (const Pending& pending : batch_) {
    Handoff* const handoff = pending.handoff;
    handoff->result = Judge(pending);
    record_count += handoff->result == HandoffResult::kDurable;
    no_room_ = no_room_ || handoff->result == HandoffResult::kNoRoom;
    if (handoff->kind == HandoffKind::kFragment && handoff->result != HandoffResult::kDurable) {
      if (const auto it = open_.find(handoff->message.number); it != open_.end()) it->second->broken = true;
    }
    ReceiptBox* const home = handoff->home;
    if (home == nullptr) continue;
    CHECK(home->queue.TryPush(handoff)) << "a receipt box is too small for what is away";
    if (std::find(homes_.begin(), homes_.end(), home) == homes_.end()) homes_.push_back(home);
  }
  full_.store(no_room_, std::memory_order_relaxed);
  record_count_.fetch_add(record_count, std::memory_order_relaxed);
  for (ReceiptBox* home : homes_) home->owner.Wake();
  if (log_.durable() != told_) {
    told_ = log_.durable();
    if (follower_ != nullptr) follower_->Wake();
  }
}

void StoreWriter::Release() {
  // In this order: `needed` was found by somebody who had read at least up to `read`.
  const Frontier read = Position::Unpack(read_.load(std::memory_order_acquire));
  const uint32_t needed = needed_segment_.load(std::memory_order_acquire);
  released_before_ = needed;
  std::erase_if(spread_, [read](const Spread& spread) { return spread.position < read; });
  if (needed <= log_.oldest_segment()) return;
  uint32_t limit = needed;
  for (const Spread& spread : spread_) limit = std::min(limit, spread.oldest_segment);
  for (const auto& [id, open] : open_) {
    if (!open->fragments.empty()) limit = std::min(limit, open->fragments.front().segment);
  }
  log_.ReleaseBefore(limit).IgnoreError();  // tried again with the next batch; a failed sync has poisoned the log
  poisoned_.store(log_.poisoned(), std::memory_order_relaxed);
}

}  // namespace postern
