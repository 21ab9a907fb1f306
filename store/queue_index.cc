#include "store/queue_index.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/log/check.h"
#include "core/envelope.h"

namespace postern {
namespace {

constexpr uint64_t kDeadSegmentsMin = 4;

}  // namespace

std::string_view QueuedMessage::reply(uint32_t recipient) const {
  if (several_ == nullptr) return recipient == 0 ? one_reply_.view() : std::string_view();
  return recipient < several_->replies.size() ? several_->replies[recipient].view() : std::string_view();
}

const QueuedMessage* QueueIndex::Find(MessageId message) const {
  const uint32_t slot = FindSlot(message);
  return slot == kNoSlot ? nullptr : &Slot(slot);
}

uint32_t QueueIndex::FindSlot(MessageId message) const {
  const auto it = slots_by_id_.find(message.number);
  return it == slots_by_id_.end() ? kNoSlot : it->second;
}

const QueuedMessage* QueueIndex::At(size_t slot) const {
  const QueuedMessage& message = Slot(static_cast<uint32_t>(slot));
  return message.id_.number == 0 ? nullptr : &message;
}

QueueIndex::Change QueueIndex::Apply(const RecordView& record) {
  last_known_ = std::max(last_known_, record.message);
  if (segments_.empty() || segments_.back() != record.position.segment) NoteSegment(record.position.segment);
  const uint32_t slot = FindSlot(record.message);
  switch (record.kind) {
    case RecordKind::kAccepted: return slot == kNoSlot ? Add(record) : Change::kNone;
    case RecordKind::kMoved: return slot == kNoSlot ? Add(record) : Move(record, slot);
    case RecordKind::kReport: return Report(record, slot);
    case RecordKind::kOutcome: return Outcome(record.head, slot);
    case RecordKind::kFragment:
    case RecordKind::kSealed: break;
  }
  return Change::kNone;
}

void QueueIndex::NoteSegment(uint32_t segment) {
  const uint32_t oldest = first_by_segment_.empty() ? segment : first_by_segment_.begin()->first;
  while (!segments_.empty() && segments_.front() < oldest) segments_.pop_front();
  segments_.push_back(segment);
}

QueueIndex::Change QueueIndex::Add(const RecordView& record) {
  const std::optional<Envelope> envelope = ParseEnvelope(record.head);
  if (!envelope || envelope->recipients.empty() || record.message.number == 0) return Change::kNone;
  uint32_t slot = free_slot_;
  if (slot != kNoSlot) {
    free_slot_ = Slot(slot).next_;
  } else {
    slot = static_cast<uint32_t>(slot_count_++);
    if (slot / kChunkCount == chunks_.size()) chunks_.push_back(std::make_unique<QueuedMessage[]>(kChunkCount));
  }
  QueuedMessage& message = Slot(slot);
  message = {};
  message.id_ = record.message;
  message.flags_ = envelope->flags;
  if (const size_t count = envelope->recipients.size(); count > 1) {
    message.several_ = std::make_unique<QueuedMessage::Several>();
    message.several_->recipients.resize(count);
    message.several_->replies.resize(count);
  }
  slots_by_id_.emplace(record.message.number, slot);
  Place(record, slot);
  added_slot_ = slot;
  if (record.kind == RecordKind::kMoved && ApplyOutcome(record.state, slot, Source::kMove) == Change::kRemoved) {
    return Change::kNone;
  }
  return Change::kAdded;
}

QueueIndex::Change QueueIndex::Move(const RecordView& record, uint32_t slot) {
  QueuedMessage& message = Slot(slot);
  message.move_away_ = false;
  Unlink(slot);
  live_size_ -= message.disk_size_;
  Place(record, slot);
  return ApplyOutcome(record.state, slot, Source::kMove);
}

QueueIndex::Change QueueIndex::Report(const RecordView& record, uint32_t slot) {
  const Change change = slot == kNoSlot ? Add(record) : Change::kNone;
  // A report that is no message has told nobody anything.
  if (slot == kNoSlot && change == Change::kNone) return change;
  const std::optional<Settlement> settlement = ParseSettlement(record.state);
  if (settlement && settlement->about != record.message) Outcome(settlement->outcome, FindSlot(settlement->about));
  return change;
}

QueueIndex::Change QueueIndex::Outcome(std::string_view bytes, uint32_t slot) {
  if (slot == kNoSlot) return Change::kNone;  // of a message that is settled, and gone from the log
  QueuedMessage& message = Slot(slot);
  if (message.outcomes_away_ > 0) --message.outcomes_away_;
  return ApplyOutcome(bytes, slot, Source::kOutcome);
}

void QueueIndex::Place(const RecordView& record, uint32_t slot) {
  QueuedMessage& message = Slot(slot);
  message.position_ = record.position;
  message.size_ = record.message_size;
  message.oldest_segment_ = record.position.segment;
  for (const Position fragment : record.fragments) {
    if (fragment.segment != 0) message.oldest_segment_ = std::min(message.oldest_segment_, fragment.segment);
  }
  const uint64_t pieces = record.message_size - record.body.size() + record.fragments.size() * kRecordHeaderSize;
  message.disk_size_ = static_cast<uint32_t>(std::min<uint64_t>(UINT32_MAX, record.size_on_disk + pieces));
  live_size_ += message.disk_size_;
  Link(slot);
}

QueueIndex::Change QueueIndex::ApplyOutcome(std::string_view bytes, uint32_t slot, Source source) {
  QueuedMessage& message = Slot(slot);
  const std::span<QueuedRecipient> recipients = message.recipients();
  OutcomeReader reader(bytes);
  RecipientOutcome outcome;
  while (reader.Next(outcome)) {
    if (outcome.recipient >= recipients.size()) continue;
    QueuedRecipient& recipient = recipients[outcome.recipient];
    // What is settled stays so.
    if (Settled(recipient.state)) continue;
    // A move tells what every outcome before it has told, since none is on its way when its state is taken, and the
    // writer puts later ones behind it. So it also heals what damage has cost us; and if ever it knew less, it would
    // show in the attempts.
    if (source == Source::kMove && outcome.attempt_count < recipient.attempt_count && !Settled(outcome.state)) continue;
    recipient.next_attempt = outcome.next_attempt;
    recipient.attempt_count = outcome.attempt_count;
    recipient.state = outcome.state;
    SetReply(message, outcome.recipient, Settled(outcome.state) ? std::string_view() : outcome.reply);
  }
  if (std::all_of(recipients.begin(), recipients.end(), [](const auto& r) { return Settled(r.state); })) {
    Remove(slot);
    return Change::kRemoved;
  }
  return Change::kUpdated;
}

void QueueIndex::SetReply(QueuedMessage& message, uint32_t recipient, std::string_view reply) {
  (message.several_ == nullptr ? message.one_reply_ : message.several_->replies[recipient]).Set(reply);
}

void QueueIndex::Link(uint32_t slot) {
  QueuedMessage& message = Slot(slot);
  const auto [it, is_first] = first_by_segment_.emplace(message.oldest_segment_, slot);
  message.previous_ = kNoSlot;
  message.next_ = is_first ? kNoSlot : it->second;
  if (!is_first) Slot(it->second).previous_ = slot;
  it->second = slot;
}

void QueueIndex::Unlink(uint32_t slot) {
  QueuedMessage& message = Slot(slot);
  if (message.next_ != kNoSlot) Slot(message.next_).previous_ = message.previous_;
  if (message.previous_ != kNoSlot) {
    Slot(message.previous_).next_ = message.next_;
  } else if (message.next_ != kNoSlot) {
    first_by_segment_[message.oldest_segment_] = message.next_;
  } else {
    first_by_segment_.erase(message.oldest_segment_);
  }
}

void QueueIndex::Remove(uint32_t slot) {
  QueuedMessage& message = Slot(slot);
  Unlink(slot);
  live_size_ -= message.disk_size_;
  slots_by_id_.erase(message.id_.number);
  message = {};
  message.next_ = free_slot_;
  free_slot_ = slot;
}

uint32_t QueueIndex::oldest_needed_segment(Position reader_position) const {
  if (first_by_segment_.empty()) return reader_position.segment;
  return std::min(first_by_segment_.begin()->first, reader_position.segment);
}

bool QueueIndex::WantsMoves(Position reader_position, uint32_t segment_size, bool short_of_room) const {
  if (first_by_segment_.empty()) return false;
  const uint32_t oldest = first_by_segment_.begin()->first;
  if (oldest >= reader_position.segment) return false;  // the head itself needs no moving
  const auto is_used = [&](uint32_t segment) { return segment >= oldest && segment < reader_position.segment; };
  const auto count = static_cast<uint64_t>(std::count_if(segments_.begin(), segments_.end(), is_used));
  const uint64_t used = count * segment_size + reader_position.offset;
  const uint64_t dead = used > live_size_ ? used - live_size_ : 0;
  if (short_of_room) return dead > segment_size;
  return dead > std::max<uint64_t>(live_size_, kDeadSegmentsMin * segment_size);
}

std::vector<MessageId> QueueIndex::TakeMoves(size_t count_max) {
  std::vector<MessageId> moves;
  if (first_by_segment_.empty()) return moves;
  for (uint32_t slot = first_by_segment_.begin()->second; slot != kNoSlot && moves.size() < count_max;
       slot = Slot(slot).next_) {
    QueuedMessage& message = Slot(slot);
    if (message.move_away_ || message.outcomes_away_ > 0) continue;
    message.move_away_ = true;
    moves.push_back(message.id_);
  }
  return moves;
}

void QueueIndex::NoteMoveFailed(MessageId message) {
  if (const uint32_t slot = FindSlot(message); slot != kNoSlot) Slot(slot).move_away_ = false;
}

void QueueIndex::NoteOutcomeAway(MessageId message) {
  if (const uint32_t slot = FindSlot(message); slot != kNoSlot) ++Slot(slot).outcomes_away_;
}

void QueueIndex::NoteOutcomeLost(MessageId message) {
  const uint32_t slot = FindSlot(message);
  if (slot != kNoSlot && Slot(slot).outcomes_away_ > 0) --Slot(slot).outcomes_away_;
}

void QueueIndex::SetDestination(MessageId message, uint32_t recipient, uint32_t destination) {
  const uint32_t slot = FindSlot(message);
  if (slot == kNoSlot) return;
  const std::span<QueuedRecipient> recipients = Slot(slot).recipients();
  if (recipient < recipients.size()) recipients[recipient].destination = destination;
}

void QueueIndex::EncodeState(const QueuedMessage& message, OutcomeWriter& writer) const {
  writer.Start();
  const std::span<const QueuedRecipient> recipients = message.recipients();
  for (uint32_t i = 0; i < recipients.size(); ++i) {
    const QueuedRecipient& recipient = recipients[i];
    const std::string_view reply = message.reply(i);
    const bool is_fresh = recipient.state == RecipientState::kWaiting && recipient.attempt_count == 0 &&
                          recipient.next_attempt == WallTime{} && reply.empty();
    if (is_fresh) continue;
    writer.Add({i, recipient.state, recipient.attempt_count, recipient.next_attempt, reply});
  }
}

}  // namespace postern
