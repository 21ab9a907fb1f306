// Handoff carries a piece of a message, or news of one, to the thread that writes the log, and comes home as the
// receipt.
//
// Whoever starts the handoff owns it and its memory before it is pushed and after it came home; in between the writer
// does, and nobody else touches it. It never moves while it is away.

#ifndef POSTERN_CORE_HANDOFF_H_
#define POSTERN_CORE_HANDOFF_H_

#include <cstdint>
#include <string_view>

#include "core/block_pool.h"
#include "core/bounded_queue.h"
#include "core/doorbell.h"
#include "core/message.h"

namespace postern {

enum class HandoffKind : uint8_t {
  kFragment,   // the next piece of a body that is still coming in
  kAccepted,   // the last piece and the envelope: with its receipt the message is ours
  kAbandoned,  // no more of this message will come: its fragments are waste
  kOutcome,    // what became of recipients, from the relay
  kMove,       // copy the message to the head of the log, so that its old place can be freed; from the relay
};

enum class HandoffResult : uint8_t {
  kPending,
  kDurable,   // kFragment: written, its memory is free; all others: on stable storage
  kNoRoom,    // the disk is full: nothing was kept, try again later
  kLost,      // trying again is of no use: the record would fit no segment of the log; or kMove, and the message
              // is not where it should be
  kUnread,    // kMove: the message cannot be read just now and stays where it is, try again later
  kPoisoned,  // a sync or a write has failed: nothing is accepted until a restart
};

struct Handoff;

// Where receipts come home. Its owner's thread pops; the writers push and then wake the owner, once in a batch.
struct ReceiptBox {
  ReceiptBox(size_t count_min, Wakeable& owner) : queue(count_min), owner(owner) {}
  BoundedQueue<Handoff*> queue;  // has room for every handoff that may be away at once
  Wakeable& owner;
};

struct Handoff {
  HandoffKind kind = HandoffKind::kFragment;
  HandoffResult result = HandoffResult::kPending;
  MessageId message;
  std::string_view head = {};  // kAccepted: the encoded envelope; kOutcome, kMove: the encoded outcome; else empty
  Block* body = nullptr;       // kFragment, kAccepted: bytes of the body, may be null for none
  uint64_t position = 0;       // kMove: where the message is, packed as the store packs positions
  // Of a report of ours, on each of its handoffs: the message that it reports on. Both lie in one log.
  MessageId about = {};
  // kAccepted of a report: the encoded outcome for `about`, which becomes a fact together with the report or not at
  // all.
  std::string_view about_outcome = {};
  ReceiptBox* home = nullptr;
  void* owner = nullptr;  // the starter's own
};

}  // namespace postern

#endif  // POSTERN_CORE_HANDOFF_H_
