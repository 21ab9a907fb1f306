// QueueIndex is the queue as it follows from the log: a fold over its records.
//
// The relay owns it, on its thread, and feeds it every record that LogReader gives, in recovery and while running. It
// holds at most 200 bytes for a message with one recipient, a reply of 60 bytes included; envelopes and bodies stay in
// the log. It also knows which segments are needed, and which messages have to be moved so that old ones can be freed.

#ifndef POSTERN_STORE_QUEUE_INDEX_H_
#define POSTERN_STORE_QUEUE_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/clock.h"
#include "core/message.h"
#include "store/compact_text.h"
#include "store/outcome.h"
#include "store/segment_format.h"

namespace postern {

struct QueuedRecipient {
  WallTime next_attempt = {};
  uint16_t attempt_count = 0;
  RecipientState state = RecipientState::kWaiting;
  uint32_t destination = UINT32_MAX;  // a note of the relay, which no record holds and none changes
};
static_assert(sizeof(QueuedRecipient) == 16);

// One message that is not settled.
class QueuedMessage {
 public:
  MessageId id() const { return id_; }
  Position position() const { return position_; }  // of the record that makes it: kAccepted, kReport or kMoved
  uint32_t oldest_segment() const { return oldest_segment_; }
  uint32_t size() const { return size_; }   // bytes of the body
  uint8_t flags() const { return flags_; }  // of the envelope: core/envelope.h
  std::span<const QueuedRecipient> recipients() const {
    return several_ == nullptr ? std::span(&one_, 1) : std::span<const QueuedRecipient>(several_->recipients);
  }
  // The last reply or error that was told for a recipient; empty when there was none.
  std::string_view reply(uint32_t recipient) const;

 private:
  friend class QueueIndex;
  struct Several {
    std::vector<QueuedRecipient> recipients;
    std::vector<CompactText> replies;
  };
  std::span<QueuedRecipient> recipients() {
    return several_ == nullptr ? std::span(&one_, 1) : std::span<QueuedRecipient>(several_->recipients);
  }

  MessageId id_;
  Position position_;
  uint32_t oldest_segment_ = 0;
  uint32_t size_ = 0;
  uint32_t disk_size_ = 0;  // of all its records, nearly
  uint32_t next_ = 0;       // of those with the same oldest segment; index of a slot
  uint32_t previous_ = 0;
  uint16_t outcomes_away_ = 0;
  bool move_away_ = false;
  uint8_t flags_ = 0;
  QueuedRecipient one_;  // when there is one recipient
  CompactText one_reply_;
  std::unique_ptr<Several> several_;  // when there are more
};

class QueueIndex {
 public:
  enum class Change : uint8_t {
    kNone,     // the record says nothing about the queue
    kAdded,    // a new message: record.head is its envelope. A report has changed the one that it is about as well
    kUpdated,  // its recipients or its place
    kRemoved,  // every recipient is settled
  };

  QueueIndex() = default;
  QueueIndex(const QueueIndex&) = delete;
  QueueIndex& operator=(const QueueIndex&) = delete;

  // Records must come in the order of the log.
  Change Apply(const RecordView& record);
  // After kAdded, until the next Apply(): the recipients of the new message, to note their destinations.
  std::span<QueuedRecipient> added_recipients() { return Slot(added_slot_).recipients(); }
  // Nothing when there is no such message or recipient.
  void SetDestination(MessageId message, uint32_t recipient, uint32_t destination);

  // Null when it is not in the queue. Gone at the next Apply().
  const QueuedMessage* Find(MessageId message) const;
  // Messages by their slots, for walking over the queue a piece at a time: null where there is none.
  size_t slot_count() const { return slot_count_; }
  const QueuedMessage* At(size_t slot) const;

  size_t message_count() const { return slots_by_id_.size(); }
  uint64_t live_size() const { return live_size_; }     // bytes in the log, nearly
  MessageId last_known() const { return last_known_; }  // the youngest id ever seen, for MessageIdSource

  // The oldest segment that holds something of a message in the queue, or that LogReader has not read to its end. Goes
  // to StoreWriter::SetNeededSegment().
  uint32_t oldest_needed_segment(Position reader_position) const;

  // Whether so much of the log is dead that the messages in its oldest segment are to be moved: dead bytes beyond
  // max(live bytes, 4 segments), or `short_of_room`.
  bool WantsMoves(Position reader_position, uint32_t segment_size, bool short_of_room) const;
  // Up to `count_max` messages of the oldest segment that may be moved now. Each is counted as away until its kMoved
  // record has been applied, or NoteMoveFailed(); for ever when it turns out to be lost.
  std::vector<MessageId> TakeMoves(size_t count_max);
  void NoteMoveFailed(MessageId message);
  // Must be called when an outcome is pushed to the writer, or a report, with the message that it is about. Until it
  // has been applied the message is not moved: a move carries the state that is known here, and must not undo one that
  // is on its way.
  void NoteOutcomeAway(MessageId message);
  // It will not come after all.
  void NoteOutcomeLost(MessageId message);
  // The state of all recipients, for the head of a kMove handoff.
  void EncodeState(const QueuedMessage& message, OutcomeWriter& writer) const;

 private:
  enum class Source : uint8_t { kOutcome, kMove };

  static constexpr size_t kChunkCount = 4096;  // messages allocated at a time
  static constexpr uint32_t kNoSlot = UINT32_MAX;

  QueuedMessage& Slot(uint32_t slot) const { return chunks_[slot / kChunkCount][slot % kChunkCount]; }
  uint32_t FindSlot(MessageId message) const;
  void NoteSegment(uint32_t segment);
  Change Add(const RecordView& record);
  Change Move(const RecordView& record, uint32_t slot);
  Change Report(const RecordView& record, uint32_t slot);
  Change Outcome(std::string_view bytes, uint32_t slot);
  Change ApplyOutcome(std::string_view bytes, uint32_t slot, Source source);
  static void SetReply(QueuedMessage& message, uint32_t recipient, std::string_view reply);
  void Place(const RecordView& record, uint32_t slot);
  void Link(uint32_t slot);
  void Unlink(uint32_t slot);
  void Remove(uint32_t slot);

  std::vector<std::unique_ptr<QueuedMessage[]>> chunks_;
  size_t slot_count_ = 0;
  uint32_t free_slot_ = kNoSlot;  // first of those that are free, linked by next_
  uint32_t added_slot_ = kNoSlot;
  absl::flat_hash_map<uint64_t, uint32_t> slots_by_id_;
  std::map<uint32_t, uint32_t> first_by_segment_;  // oldest segment to the first slot of its list
  std::deque<uint32_t> segments_;  // that records came from and that may still be there: their numbers have gaps
  uint64_t live_size_ = 0;
  MessageId last_known_;
};

}  // namespace postern

#endif  // POSTERN_STORE_QUEUE_INDEX_H_
