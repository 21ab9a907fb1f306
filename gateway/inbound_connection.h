// InboundConnection is one peer that brings mail: a connection, its conversation, and the message that comes in.
//
// An Inbound owns it, on that reactor's thread. It does for the conversation what that wants: blocks, admission, the
// way to the writer and the receipt. It is used again only when its socket is closed and its message is at rest.

#ifndef POSTERN_GATEWAY_INBOUND_CONNECTION_H_
#define POSTERN_GATEWAY_INBOUND_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/handoff.h"
#include "core/work_slot.h"
#include "gateway/inbound.h"
#include "gateway/incoming_message.h"
#include "net/connection.h"
#include "net/timers.h"
#include "smtp/conversation.h"

namespace postern {

class InboundConnection final : private ConnectionHandler, private BlockBorrower {
 public:
  explicit InboundConnection(Inbound& inbound);

  void Start(Socket socket, const SocketAddress& peer, bool trusted);
  // One too many: a 421, and the end.
  void StartRefused(Socket socket, std::string_view reply);

  void HandleReceipt(Handoff& handoff);
  void Shutdown();
  void Abort(bool hard);

  bool in_use() const { return state_ != State::kFree; }

 private:
  // What the conversation waits for, or what is left of it.
  enum class State : uint8_t {
    kFree,
    kTalking,     // for the peer
    kAdmitting,   // for the handoffs of an earlier message, or for the first block
    kHandingOff,  // for a handoff to come home, to carry the full block
    kRefilling,   // for another block
    kCommitting,  // for the receipt
    kClosing,     // all is said: the peer takes the rest of it, or has had its time
    kGone,        // no socket; handoffs are away
  };

  void HandleInput(Connection&) override;
  void HandlePeerEnd(Connection&) override;
  void HandleDrained(Connection&) override;
  void HandleClosed(Connection&) override;
  void HandleBlockFree() override;
  static void HandleTimer(Timer& timer);

  void Pump();
  // Pump() and what Connection does by itself only after it called us.
  void Continue();
  void Await();
  void Admit();
  void HandOff();
  void Refill();
  void Commit();
  void Release();
  void Close();
  void Leave();
  void LeaveIfDone();
  // Null when there is none; HandleBlockFree() comes when there is.
  Block* TakeBlock();
  void Push(HandoffKind kind, Block* body, std::string_view head);
  // All its handoffs are home.
  void EndMessage();
  void TellNotes();
  void TellReceived() const;

  Inbound& inbound_;
  State state_ = State::kFree;
  bool refused_ = false;  // never had a conversation
  bool entered_ = false;  // counted in the ledger
  bool trusted_ = false;
  bool peer_ended_ = false;
  bool waiting_for_block_ = false;
  IpAddress address_;
  WorkPeer peer_;  // its address in text form
  Connection connection_;
  Conversation conversation_;
  Timer timer_;
  std::unique_ptr<IncomingMessage> message_;  // from its admission until the writer has nothing of it any more
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_INBOUND_CONNECTION_H_
