// Conversation is the whole server side of SMTP without a socket: bytes go in, replies and one want come out.
//
// One inbound connection owns it, on that connection's reactor thread. It calls nobody back: Pump() goes as far as it
// can and says what it waits for; the answer comes by one of the other functions, and Pump() goes on. After kClose it
// may be started again. However the input is cut, the replies are the same.

#ifndef POSTERN_SMTP_CONVERSATION_H_
#define POSTERN_SMTP_CONVERSATION_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/block_pool.h"
#include "core/clock.h"
#include "core/handoff.h"
#include "core/message.h"
#include "core/ring_buffer.h"
#include "smtp/body_decoder.h"
#include "smtp/conversation_options.h"
#include "smtp/line_scanner.h"
#include "smtp/patience.h"
#include "smtp/session.h"
#include "smtp/transaction.h"

namespace postern {

enum class Want : uint8_t {
  kInput,      // bytes of the peer, before deadline()
  kDrain,      // many replies wait in `out`: Pump() again when they have gone
  kAdmission,  // a message begins: Admit() or Refuse(). 354 is given only after that
  kFragment,   // the block is full: TakeFragment(), and GiveBlock() when there is another
  kReceipt,    // the message is whole: TakeMessage(), then HandleReceipt()
  kRelease,    // what was admitted will never be whole: TakeReleased() gives its block back, its fragments are waste
  kClose,      // nothing more will be said: close after `out` has gone to the peer
};

// A whole message. The envelope is lent until HandleReceipt().
struct WholeMessage {
  MessageId id;
  std::string_view envelope;  // encoded: core/envelope.h
  Block* block;               // the last piece of the body
  uint64_t size;              // bytes of the whole body, the trace included
  uint32_t recipient_count;
};

class Conversation {
 public:
  // Both are lent and outlive it.
  Conversation(const ConversationOptions& options, TransactionPool& transactions);

  // A connection stands: the greeting goes to `out`. What `peer` names is lent until the conversation has ended, and
  // its last message with it.
  void Start(const Peer& peer, std::string& out, MonotonicTime now);

  // Consumes what it can of `in`, appends replies to `out`, allocates nothing after warm-up.
  Want Pump(RingBuffer& in, std::string& out, MonotonicTime now);

  // After kAdmission. The block is lent until TakeFragment(), TakeMessage() or TakeReleased().
  void Admit(MessageId id, Block* block, WallTime now);
  // After kAdmission: kNoRoom is 452 4.3.1, kPoisoned is 451 4.3.0. The conversation goes on.
  void Refuse(HandoffResult why);

  // After kFragment, which is wanted until there is another block.
  Block* TakeFragment();
  void GiveBlock(Block* block);

  // After kReceipt, which is wanted until HandleReceipt(); that makes the reply that the next Pump() gives. When the
  // conversation has ended meanwhile, it changes nothing.
  WholeMessage TakeMessage();
  void HandleReceipt(HandoffResult result);

  // After kRelease. Null when the block was taken as a fragment and there was no other yet.
  Block* TakeReleased();

  // From outside; Pump() follows. The deadline has passed: 421 4.4.2 and an end.
  void HandleTimeout();
  // The gateway stops: 421 4.3.2 and an end, at once between messages, else after the message that is coming in.
  void HandleShutdown();
  // The same without waiting for that message.
  void HandleAbort();
  // The peer has gone, whatever it was saying: kRelease when something was admitted, then kClose.
  void HandlePeerEnd();

  // kNever while it waits for us and not for the peer.
  MonotonicTime deadline() const { return patience_.deadline(); }
  // What happened since the last time; empty on nearly every call.
  std::vector<ConversationNote> TakeNotes() { return session_.TakeNotes(); }

  bool has_quit() const { return session_.has_quit(); }
  // For events: what the peer called itself, and the sender of the message that waits for its receipt.
  std::string_view helo() const { return session_.helo(); }
  std::string_view sender() const { return session_.sender(); }

 private:
  Want Run(RingBuffer& in, std::string& out, MonotonicTime now);
  // Each does one step; false when it needs more of `in`.
  bool RunCommand(RingBuffer& in, std::string& out, MonotonicTime now);
  bool RunBody(RingBuffer& in, std::span<char> room, std::string& out, MonotonicTime now);
  bool RunSwallow(RingBuffer& in, std::string& out, MonotonicTime now);
  // The peer has been answered: it owes us the next command.
  void NoteAnswered(MonotonicTime now);

  Session session_;
  LineScanner scanner_;
  BodyDecoder decoder_;
  Patience patience_;
  std::string said_;       // replies to what happened between two Pump()s
  bool stopping_ = false;  // the conversation ends as soon as no message is coming in

  // What was admitted. The block is null when the last one was taken and there is no other yet.
  bool admitted_ = false;
  Block* block_ = nullptr;
  MessageId id_;
};

}  // namespace postern

#endif  // POSTERN_SMTP_CONVERSATION_H_
