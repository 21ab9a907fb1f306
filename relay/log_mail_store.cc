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
  absl::Status Rewind() override {
    reader_->Rewind();
    return absl::OkStatus();
  }

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

LogMailStore::LogMailStore(const std::vector<MailLog>& logs, Wakeable& self, WorkSlot* slot)
    : slot_(slot), move_receipts_(std::max<size_t>(1, logs.size()) * kMoveCountMax, self) {
  for (const MailLog& log : logs) {
    logs_.push_back(std::make_unique<Log>(log));
    logs_.back()->reader.set_slot(slot);
  }
}

bool LogMailStore::Fold(FoldListener& listener, size_t record_count_max) {
  bool more = false;
  if (slot_ != nullptr) slot_->NotePosition(0);  // none so far
  const WorkScope work(slot_, WorkStage::kReading, MessageId{});
  for (size_t i = 0; i < logs_.size(); ++i) {
    const std::unique_ptr<Log>& log = logs_[i];
    if (slot_ != nullptr) slot_->log = static_cast<uint32_t>(i);
    const Frontier frontier = log->parts.writer.durable();
    if (frontier == log->folded) continue;
    size_t record_count = 0;
    while (record_count < record_count_max) {
      const std::optional<RecordView> record = log->reader.Next(frontier);
      if (!record.has_value()) break;
      ++record_count;
      if (log->index.Apply(*record) == QueueIndex::Change::kAdded) {
        listener.HandleAccepted(record->message, record->head, log->index.added_recipients());
      }
      if (record->kind == RecordKind::kReport) reports_.erase(record->message.number);
    }
    if (record_count == record_count_max) {
      more = true;
    } else if (log->reader.error().ok()) {
      log->folded = frontier;
      log->reader.PassOverBodies();
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
  state.flags = queued->flags();
  state.recipients.assign(queued->recipients().begin(), queued->recipients().end());
  return state;
}

// A cursor is the number of a log, and a slot of its index.
bool LogMailStore::Walk(uint64_t& cursor, size_t count_max, absl::FunctionRef<void(const MailView&)> visit) {
  for (size_t log = cursor >> 32; log < logs_.size(); cursor = uint64_t{++log} << 32) {
    const QueueIndex& index = logs_[log]->index;
    for (auto slot = static_cast<uint32_t>(cursor); slot < index.slot_count(); ++slot, ++cursor) {
      if (count_max-- == 0) return true;
      if (const QueuedMessage* queued = index.At(slot)) {
        visit({queued->id(), queued->size(), queued->flags(), queued->recipients()});
      }
    }
  }
  return false;
}

void LogMailStore::SetDestination(MessageId message, uint32_t recipient_index, uint32_t destination) {
  const QueuedMessage* queued = nullptr;
  if (Log* log = Locate(message, &queued)) log->index.SetDestination(message, recipient_index, destination);
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

// Where what is said of a message that left the queue goes matters to nobody.
LogMailStore::Log& LogMailStore::LocateForPush(MessageId message) {
  const QueuedMessage* queued = nullptr;
  Log* log = Locate(message, &queued);
  return log != nullptr ? *log : *logs_.front();
}

bool LogMailStore::TryPush(Handoff& handoff) {
  if (handoff.about != MessageId{}) return TryPushReport(handoff);
  Log& log = LocateForPush(handoff.message);
  const bool first_time = handoff.result != HandoffResult::kNoRoom;
  handoff.result = HandoffResult::kPending;
  if (!log.parts.writer.TryPush(&handoff)) return false;
  if (first_time) log.index.NoteOutcomeAway(handoff.message);
  log.pushed = true;
  return true;
}

bool LogMailStore::TryPushReport(Handoff& handoff) {
  const auto known = reports_.find(handoff.message.number);
  Log& log = known != reports_.end() ? *known->second.log : LocateForPush(handoff.about);
  handoff.result = HandoffResult::kPending;
  if (!log.parts.writer.TryPush(&handoff)) return false;
  log.pushed = true;
  const auto it = reports_.try_emplace(handoff.message.number, Report{&log, handoff.about}).first;
  Report& report = it->second;
  if (handoff.kind == HandoffKind::kAccepted && !std::exchange(report.counted, true)) {
    log.index.NoteOutcomeAway(report.about);
  } else if (handoff.kind == HandoffKind::kAbandoned) {
    if (report.counted) log.index.NoteOutcomeLost(report.about);
    reports_.erase(it);
  }
  return true;
}

void LogMailStore::Maintain(MonotonicTime now) {
  TakeMoveReceipts(now);
  for (const std::unique_ptr<Log>& log : logs_) {
    const Frontier frontier = log->parts.writer.durable();
    if (log->folded == frontier && frontier != Frontier{}) {
      StartMoves(*log, now);
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

void LogMailStore::StartMoves(Log& log, MonotonicTime now) {
  if (log.move_count > 0) return;  // the next ones when these are at their new places
  if (log.no_room_at == log.folded || now < log.moves_rest_until) return;
  if (!log.index.WantsMoves(log.folded, log.parts.segment_size, log.parts.writer.full())) return;
  for (const MessageId message : log.index.TakeMoves(log.moves_at_once)) {
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

void LogMailStore::TakeMoveReceipts(MonotonicTime now) {
  Handoff* handoff = nullptr;
  while (move_receipts_.queue.TryPop(handoff)) {
    Log& log = *static_cast<Log*>(handoff->owner);
    CHECK_GT(log.move_count, 0u);
    --log.move_count;
    if (handoff->result == HandoffResult::kNoRoom) log.no_room_at = log.parts.writer.durable();
    if (handoff->result == HandoffResult::kDurable) log.moves_at_once = kMoveCountMax;
    if (handoff->result == HandoffResult::kUnread) {
      log.moves_rest_until = now + kUnreadPause;
      log.moves_at_once = 1;
    }
    // What is lost is left where it should be, and stays counted as away.
    if (handoff->result != HandoffResult::kDurable && handoff->result != HandoffResult::kLost) {
      log.index.NoteMoveFailed(handoff->message);
    }
    std::erase_if(moves_away_, [handoff](const auto& move) { return &move->handoff == handoff; });
  }
}

}  // namespace postern
