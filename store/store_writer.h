// StoreWriter turns handoffs into records and records into facts: group commit.
//
// The gateway owns it and runs it on a thread of its own (the simulator steps RunOnce() without one). It pops all that
// waits, appends it, writes it at once, syncs once, and sends the receipts; whoever's receipts came home is woken once.
// Receipts come home in the order in which their handoffs were pushed, but for moves and what belongs behind them.
// Moves are housekeeping: they go on behind the receipts, a few MiB at a time, so that nobody waits for them.
// Push, reserve, Wake() and SetNeededSegment() may be called on any thread.

#ifndef POSTERN_STORE_STORE_WRITER_H_
#define POSTERN_STORE_STORE_WRITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/doorbell.h"
#include "core/handoff.h"
#include "core/spares.h"
#include "core/step_count.h"
#include "core/work_slot.h"
#include "store/log_reader.h"
#include "store/segment_log.h"
#include "store/spool_queue.h"

namespace postern {

class StoreWriter {
 public:
  // `follower` is woken whenever the frontier has moved: the relay. It may be null, and be set before Run().
  StoreWriter(SegmentLog& log, size_t places, Wakeable* follower = nullptr);
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;
  void set_follower(Wakeable* follower) { follower_ = follower; }
  // Where its thread notes what it works on; may be null, and is set before Run().
  void set_slot(WorkSlot* slot) { slot_ = slot; }

  // Places that a promise needs; see SpoolQueue.
  bool TryReserve(size_t count) { return queue_.TryReserve(count); }
  void GiveBack(size_t count) { queue_.GiveBack(count); }
  // Wake() afterwards, once for all that was pushed in a turn.
  bool TryPush(Handoff* handoff) { return queue_.TryPush(handoff); }
  void Wake() { bell_.Wake(); }
  // Who has read the log up to `read` needs no record in segments before `segment` (QueueIndex::oldest_needed_segment);
  // one thread calls it. Wake() afterwards.
  void SetNeededSegment(uint32_t segment, Frontier read) {
    needed_segment_.store(segment, std::memory_order_release);
    read_.store(read.Pack(), std::memory_order_release);
  }

  // One batch: pops all that waits, appends, syncs once, sends receipts; then a step of the moves. 0 when there was
  // nothing to do.
  size_t RunOnce();
  // Whether RunOnce() would find something.
  bool HasWork() const {
    return !queue_.LooksEmpty() || !late_.empty() ||
           needed_segment_.load(std::memory_order_acquire) != released_before_;
  }
  // Until `stop`, and until nothing waits any more; then seals the log. Wake it after setting `stop`.
  void Run(const std::atomic<bool>& stop);

  // The writer's thread, or while none runs: messages whose end has not come.
  size_t open_message_count() const { return open_.size(); }

  // Any thread: for the operator.
  bool poisoned() const { return poisoned_.load(std::memory_order_relaxed); }
  bool full() const { return full_.load(std::memory_order_relaxed); }
  // Everything before it is on stable storage.
  Frontier durable() const { return log_.durable(); }
  // A step is a RunOnce(): for who wants to know whether the disk still answers.
  const StepCount& steps() const { return steps_; }
  uint64_t sync_count() const { return sync_count_.load(std::memory_order_relaxed); }
  uint64_t record_count() const { return record_count_.load(std::memory_order_relaxed); }
  size_t places() const { return queue_.places(); }
  size_t reserved_count() const { return queue_.reserved_count(); }

 private:
  // A message whose last piece has not come yet.
  struct OpenMessage {
    std::vector<Position> fragments;
    uint64_t size = 0;
    bool broken = false;  // a fragment found no room: the message cannot be accepted any more
  };
  // A message that lies in more than one segment, accepted at `position`. Until the reader has passed there, nobody but
  // us knows that its fragments are needed.
  struct Spread {
    Position position;
    uint32_t oldest_segment;
  };
  struct Pending {
    Handoff* handoff;
    Position position;     // of its record; 0 when it has none
    HandoffResult result;  // kPending: the commit decides
  };

  // A message on its way to the head of the log: its pieces one by one, then its record.
  struct Move {
    std::string head;
    std::string body;  // the last piece
    uint32_t body_checksum = 0;
    uint32_t message_size = 0;
    std::vector<Position> fragments;
    size_t copied_count = 0;  // of them
  };

  void RunMoves();
  bool BelongsBehindMove(const Handoff& handoff) const;
  HandoffResult Handle(Handoff& handoff, Position& position);
  HandoffResult Append(const NewRecord& record, Position& position);
  HandoffResult AppendFragment(const Handoff& handoff, Position& position);
  HandoffResult AppendAccepted(const Handoff& handoff, Position& position);
  // One more record of the move at the front, of `size` bytes or so; kPending with no position when it goes on.
  HandoffResult ContinueMove(const Handoff& handoff, Position& position, size_t& size);
  HandoffResult StartMove(const Handoff& handoff);
  HandoffResult NoRoom() const { return log_.poisoned() ? HandoffResult::kPoisoned : HandoffResult::kNoRoom; }
  OpenMessage& Open(MessageId message);
  std::unique_ptr<OpenMessage> Close(MessageId message);
  void Commit();
  HandoffResult Judge(const Pending& pending) const;
  void SendReceipts();
  void Release();

  SegmentLog& log_;
  Wakeable* follower_;
  WorkSlot* slot_ = nullptr;
  SpoolQueue queue_;
  ThreadDoorbell bell_;
  std::vector<Pending> batch_;
  std::vector<ReceiptBox*> homes_;                                    // of this batch
  bool no_room_ = false;                                              // in this run
  bool sync_needed_ = false;                                          // a batch of fragments alone is not synced
  absl::flat_hash_map<uint64_t, std::unique_ptr<OpenMessage>> open_;  // by message id
  std::vector<std::unique_ptr<OpenMessage>> closing_;                 // lent to the log until it is flushed
  std::deque<std::string> settlements_;                               // of reports, lent likewise
  Spares<OpenMessage> unused_;
  std::vector<Spread> spread_;  // those that the reader has not passed
  // Moves, and the outcomes of messages that are being moved, those in reports included: a move carries the state from
  // before such an outcome, so the outcome is written behind it.
  std::deque<Handoff*> late_;
  std::optional<Move> move_;  // the front of late_, when it has begun
  RecordFetcher fetcher_;     // for moves
  uint32_t released_before_ = 0;
  Position told_ = {};  // the frontier that the follower knows
  std::atomic<uint32_t> needed_segment_{0};
  std::atomic<uint64_t> read_{0};  // packed
  std::atomic<bool> poisoned_{false};
  std::atomic<bool> full_{false};
  StepCount steps_;
  std::atomic<uint64_t> sync_count_{0};
  std::atomic<uint64_t> record_count_{0};
};

}  // namespace postern

#endif  // POSTERN_STORE_STORE_WRITER_H_
