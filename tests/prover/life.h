// Life is one process on a recording disk: the real store recovers, takes mail, marks, moves, recycles and delivers it,
// until the process ends, is killed or dies of its disk.
//
// A workload owns it, on its thread; disk and history outlive it. What it offers to the store and what the store
// acknowledges goes into the history, at the step of the trace where it happened: receipts are taken when they are
// sent, not when the writer's turn ends.

#ifndef POSTERN_TESTS_PROVER_LIFE_H_
#define POSTERN_TESTS_PROVER_LIFE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/block_pool.h"
#include "core/handoff.h"
#include "relay/mailbox_writer.h"
#include "store/store_writer.h"
#include "tests/prover/knowledge.h"
#include "tests/prover/recording_disk.h"
#include "tests/prover/recovery.h"

namespace postern {

class Life final : private Wakeable {
 public:
  Life(RecordingDisk& disk, History& history, const SegmentLogOptions& options);

  // Recovers, and looks whether all is there. False when the process died of it.
  bool Open();
  // Not after a death, nor after a sync that failed.
  bool CanGoOn() const { return store_ != nullptr && !disk_.stopped() && !store_->log().poisoned(); }

  // A message whose body has these pieces comes in. Continue() hands over the next piece.
  uint64_t Start(const std::vector<size_t>& piece_sizes, size_t recipient_count);
  void Continue(uint64_t number);
  // The whole of it at once.
  uint64_t Receive(const std::vector<size_t>& piece_sizes, size_t recipient_count = 1);
  // What became of a recipient.
  void Mark(uint64_t number, uint32_t recipient, RecipientState state);
  // A report on a recipient that has failed: one record, a message and a mark.
  uint64_t Report(uint64_t about, uint32_t recipient);
  // One message of the oldest segment goes to the head.
  void Move();
  // Into the recipient's mailbox, and a mark when it is there.
  void Deliver(uint64_t number, uint32_t recipient);
  // A turn of the writer, and of its reader.
  void Commit();
  // A turn of the writer alone; nothing is freed.
  void Write();
  // A clean end.
  void Stop();

  // For who chooses at random.
  size_t away_count() const { return away_count_; }
  const std::deque<uint64_t>& incoming() const { return incoming_; }
  QueueIndex& index() { return store_->index(); }
  bool IsBusy(uint64_t number, uint32_t recipient) const { return busy_.contains({number, recipient}); }
  uint64_t moved_count() const { return moved_count_; }

  static constexpr size_t kPlaces = 64;

 private:
  struct Seat {
    uint64_t number;
    uint32_t recipient;
    friend auto operator<=>(const Seat&, const Seat&) = default;
  };
  // What a handoff on its way says.
  struct Away {
    Handoff handoff;
    std::string head;
    std::string about_outcome;
    std::unique_ptr<Block> body;
    bool has_mark = false;
    Seat seat;
    Marks marks;
  };
  struct Incoming {
    std::string body;
    std::deque<size_t> rest;  // sizes of pieces
    size_t done_size = 0;
    size_t recipient_count;
  };

  void Wake() override;  // receipts came home
  void TakeReceipt(const Handoff& handoff);
  void Learn(std::function<void(Knowledge&)> fact) { history_.Learn(disk_.trace().size(), std::move(fact)); }
  Away& Push(HandoffKind kind, uint64_t number, std::string_view head, std::string_view body = {});
  void Send(Away& away);
  void OfferMark(Away& away, Seat seat, RecipientState state);

  RecordingDisk& disk_;
  History& history_;
  const SegmentLogOptions options_;
  std::unique_ptr<RecoveredStore> store_;
  std::unique_ptr<StoreWriter> writer_;
  std::unique_ptr<MailboxWriter> mailboxes_;
  ReceiptBox home_;
  std::deque<std::unique_ptr<Away>> handoffs_;  // all that were ever sent
  std::map<uint64_t, Incoming> bodies_;         // of messages that are coming in
  std::deque<uint64_t> incoming_;               // their numbers
  std::set<Seat> busy_;                         // recipients of which a mark is on its way
  bool moving_ = false;
  size_t away_count_ = 0;
  uint64_t moved_count_ = 0;
};

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_LIFE_H_
