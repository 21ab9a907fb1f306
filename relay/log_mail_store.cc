#include "relay/log_mail_store.h"

#include <algorithm>
#include <utility>

#include "absl/log/check.h"

namespace postern {
namespace {

class LogBody final : public MessageBody {
 public:
  LogBody(std::unique_ptr<MessageReader> reader, std::shared_ptr<SegmentPins> pins, uint32_t segment)
      : reader_(std::move(reader)), pins_(std::move(pins)), segment_(segment) {}
  ~LogBody() override { pins_->Unpin(segment_); }
  absl::StatusOr<std::string_view> Next() override { return reader_->NextChunk(); }

 private:
  const std::unique_ptr<MessageReader> reader_;
  const std::shared_ptr<SegmentPins> pins_;
  const uint32_t segment_;
};

}  // namespace

void SegmentPins::Pin(uint32_t segment) {
  const std::lock_guard lock(mutex_);
  segments_.insert(segment);
}

void SegmentPins::Unpin(uint32_t segment) {
  const std::lock_guard lock(mutex_);
  segments_.erase(segments_.find(segment));
}

uint32_t SegmentPins::Oldest(uint32_t otherwise) const {
  const std::lock_guard lock(mutex_);
  return segments_.empty() ? otherwise : std::min(otherwise, *segments_.begin());
}

LogMailStore::LogMailStore(const std::vector<MailLog>& logs, Wakeable& self)
    : move_receipts_(std::max<size_t>(1, logs.size()) * kMoveCountMax, self) {
  for (const MailLog& log : logs) logs_.push_back(std::make_unique<Log>(log));
}

bool LogMailStore::Fold(FoldListener& listener, size_t record_count_max) {
  bool more = false;
  for (const std::unique_ptr<Log>& log : logs_) {
    const Frontier frontier = log->parts.writer.durable();
    if (frontier == log->folded) continue;
    size_t record_count = 0;
    while (record_count < record_count_max) {
      const std::optional<RecordView> record = log->reader.Next(frontier);
      if (!record.has_value()) break;
      ++record_count;
      if (log->index.Apply(*record) == QueueIndex::Change::kAdded) {
        listener.HandleAccepted(record->message, record->head);
      }
    }
    if (record_count == record_count_max) {
      more = true;
    } else if (log->reader.error().ok()) {
      log->folded = frontier;
    }
  }
  return more;
}

bool LogMailStore::stuck() const {
  return std::any_of(logs_.begin(), logs_.end(), [](const auto& log) { return !log->reader.error().ok(); });
}

LogMailStore::Log* LogMailStore::Locate(MessageId message, const QueuedMessage** queued) {
  for (const std::unique_ptr<Log>& log : logs_) {
    *queued = log->index.Find(message);
    if (*queued != nullptr) return log.get();
  }
  return nullptr;
}

std::optional<MailState> LogMailStore::Find(MessageId message) {
  const QueuedMessage* queued = nullptr;
  if (Locate(message, &queued) == nullptr) return std::nullopt;
  MailState state;
  state.id = message;
  state.body_size = queued->size();
  state.recipients.assign(queued->recipients().begin(), queued->recipients().end());
  return state;
}

// A cursor is the number of a log, and a slot of its index.
std::optional<MessageId> LogMailStore::Next(uint64_t& cursor) {
  for (;;) {
    const auto log = static_cast<size_t>(cursor >> 32);
    const auto slot = static_cast<uint32_t>(cursor);
    if (log >= logs_.size()) return std::nullopt;
    if (slot >= logs_[log]->index.slot_count()) {
      cursor = uint64_t{log + 1} << 32;
      continue;
    }
    ++cursor;
    if (const QueuedMessage* queued = logs_[log]->index.At(slot)) return queued->id();
  }
}

size_t LogMailStore::message_count() const {
  size_t count = 0;
  for (const std::unique_ptr<Log>& log : logs_) count += log->index.message_count();
  return count;
}

absl::StatusOr<StoredMessage> LogMailStore::Open(MessageId message) {
  const QueuedMessage* queued = nullptr;
  Log* log = Locate(message, &queued);
  if (log == nullptr) return absl::NotFoundError("the message is not in the queue");
  absl::StatusOr<std::unique_ptr<MessageReader>> reader = log->reader.ReadAccepted(queued->position());
  if (!reader.ok()) return reader.status();
  StoredMessage stored;
  stored.envelope = (*reader)->envelope_bytes();
  stored.body_size = (*reader)->size();
  log->pins->Pin(queued->oldest_segment());
  stored.body = std::make_unique<LogBody>(*std::move(reader), log->pins, queued->oldest_segment());
  return stored;
}

std::string LogMailStore::LastText(MessageId message, uint32_t recipient_index) {
  const QueuedMessage* queued = nullptr;
  if (Locate(message, &queued) == nullptr) return {};
  return std::string(queued->reply(recipient_index));
}

bool LogMailStore::TryPush(Handoff& handoff) {
  const QueuedMessage* queued = nullptr;
  Log* log = Locate(handoff.message, &queued);
  // A message leaves the queue only by outcomes, and there is never more than one on its way for a recipient.
  if (log == nullptr) log = logs_.front().get();
  const bool first_time = handoff.result != HandoffResult::kNoRoom;
  handoff.result = HandoffResult::kPending;
  if (!log->parts.writer.TryPush(&handoff)) return false;
  if (first_time) log->index.NoteOutcomeAway(handoff.message);
  log->pushed = true;
  return true;
}

void LogMailStore::Maintain() {
  TakeMoveReceipts();
  for (const std::unique_ptr<Log>& log : logs_) {
    const Frontier frontier = log->parts.writer.durable();
    if (log->folded == frontier && frontier != Frontier{}) {
      StartMoves(*log);
      const uint32_t needed =
          std::min(log->pins->Oldest(log->index.oldest_needed_segment(frontier)), log->reader.oldest_unread_segment());
      log->parts.writer.SetNeededSegment(needed, frontier);
      if (needed != std::exchange(log->needed_segment, needed)) log->pushed = true;
    }
    if (std::exchange(log->pushed, false)) log->parts.writer.Wake();
  }
}

bool LogMailStore::HasWork() const {
  if (!move_receipts_.queue.LooksEmpty()) return true;
  return std::any_of(logs_.begin(), logs_.end(), [](const std::unique_ptr<Log>& log) {
    return log->folded != log->parts.writer.durable() && log->reader.error().ok();
  });
}

void LogMailStore::StartMoves(Log& log) {
  if (log.move_count > 0) return;  // the next ones when these are at their new places
  if (log.no_room_at == log.folded) return;
  if (!log.index.WantsMoves(log.folded, log.parts.segment_size, log.parts.writer.full())) return;
  for (const MessageId message : log.index.TakeMoves(kMoveCountMax)) {
    const QueuedMessage* queued = log.index.Find(message);
    auto move = std::make_unique<Move>();
    log.index.EncodeState(*queued, move->state);
    Handoff& handoff = move->handoff;
    handoff.kind = HandoffKind::kMove;
    handoff.message = message;
    handoff.head = move->state.bytes();
    handoff.position = uint64_t{queued->position().segment} << 32 | queued->position().offset;
    handoff.home = &move_receipts_;
    handoff.owner = &log;
    if (!log.parts.writer.TryPush(&handoff)) {
      log.index.NoteMoveFailed(message);
      continue;
    }
    ++log.move_count;
    log.pushed = true;
    moves_away_.push_back(std::move(move));
  }
}

void LogMailStore::TakeMoveReceipts() {
  Handoff* handoff = nullptr;
  while (move_receipts_.queue.TryPop(handoff)) {
    Log& log = *static_cast<Log*>(handoff->owner);
    CHECK_GT(log.move_count, 0u);
    --log.move_count;
    if (handoff->result == HandoffResult::kNoRoom) log.no_room_at = log.parts.writer.durable();
    // What is lost is left where it should be, and stays counted as away.
    if (handoff->result != HandoffResult::kDurable && handoff->result != HandoffResult::kLost) {
      log.index.NoteMoveFailed(handoff->message);
    }
    std::erase_if(moves_away_, [handoff](const auto& move) { return &move->handoff == handoff; });
  }
}

}  // namespace postern
