// Inbound is a reactor's side of the road in: it takes connections, and owns all that talk on this reactor.
//
// The gateway owns one for each reactor, on that reactor's thread; what it shares with the others are the writers, the
// ledger, the gate and the event log. Connections are kept and used again, so that a message after warm-up allocates
// nothing.
//
//   Listener -> InboundConnection -> Handoff -> StoreWriter        the road of a message is inbound_connection.cc
//                      ^---------- ReceiptBox <------'

#ifndef POSTERN_GATEWAY_INBOUND_H_
#define POSTERN_GATEWAY_INBOUND_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/handoff.h"
#include "core/message.h"
#include "core/spares.h"
#include "core/work_slot.h"
#include "gateway/connection_ledger.h"
#include "gateway/events.h"
#include "gateway/incoming_message.h"
#include "net/address.h"
#include "net/block_lender.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "smtp/conversation.h"
#include "smtp/transaction.h"
#include "store/store_writer.h"

namespace postern {

class InboundConnection;

struct InboundOptions {
  ConversationOptions conversation;
  std::vector<IpNetwork> trusted_networks;
  bool trusted_only = false;                                 // others are refused at the greeting
  bool storage_trusted = true;                               // StorageReport::trusted(), for events
  size_t connection_count_max = kConnectionCountMaxDefault;  // of all reactors, as in the ledger
  // Memory of this reactor, in blocks: a quarter is for long envelopes, the rest is lent as blocks.
  size_t block_count_max = kBufferMemoryMaxDefault / kBlockSize;
};

// Whether mail is taken at all: the gateway's watch over the disk closes it. Any thread.
struct AdmissionGate {
  std::atomic<bool> low_disk{false};
};

class Inbound final : public TurnHook, private ListenerHandler {
 public:
  // All is lent and outlives it. `source` tells the ids of this reactor from the others'; they go on after
  // `last_known`. In `slot`, which may be null, it notes whose input it is at.
  Inbound(const InboundOptions& options, Reactor& reactor, std::vector<StoreWriter*> writers, ConnectionLedger& ledger,
          const AdmissionGate& gate, EventLog& events, uint8_t source, MessageId last_known, WorkSlot* slot = nullptr);
  ~Inbound() override;

  // Takes connections from `listening`, which it owns from here on.
  void Listen(Socket listening);
  // No new connections; conversations end with 421 between messages, and after the one that is coming in.
  void Shutdown();
  // Ends them now: `hard` without a last word.
  void Abort(bool hard);

  // TurnHook: takes receipts, wakes the writers.
  void RunTurn() override;
  bool HasWork() const override { return !receipts_.queue.LooksEmpty(); }

  // Listeners that are open and connections that are not quite gone, receipts to come included. Any thread.
  size_t open_count() const { return open_count_.load(std::memory_order_acquire); }
  // Blocks that conversations have.
  size_t lent_block_count() const { return rings_.pool().lent_count() + bodies_.pool().lent_count(); }

 private:
  friend class InboundConnection;

  void HandleAccepted(Socket socket, const SocketAddress& peer) override;
  void HandleAcceptFailed(NetError error, int system_code) override;
  void HandleListenerClosed() override;

  // Says why there will be no conversation, and closes.
  void Refuse(Socket socket, const SocketAddress& peer, std::string_view code, std::string_view why);

  bool Trusts(const IpAddress& ip) const;
  InboundConnection* TakeConnection();
  // `connection` is quite gone.
  void GiveConnection(InboundConnection& connection);
  StoreWriter& ChooseWriter();
  // Why no message may begin now, or kDurable.
  HandoffResult MayAdmit(const StoreWriter& writer) const;
  // One has begun: on a full disk it is the trial whether it still is.
  void NoteAdmitted(const StoreWriter& writer);
  // `writer` will be woken at the end of this turn.
  void NotePushed(StoreWriter& writer);
  // That clients wait for a buffer that the system has no memory for.
  void TellMemory();

  const InboundOptions& options_;
  Reactor& reactor_;
  const std::vector<StoreWriter*> writers_;
  ConnectionLedger& ledger_;
  const AdmissionGate& gate_;
  EventLog& events_;
  WorkSlot* const slot_;
  MessageIdSource ids_;
  BlockLender rings_;   // for input; apart from bodies', so that neither can starve the other
  BlockLender bodies_;  // for fragments
  TransactionPool transactions_;
  Spares<IncomingMessage> messages_;
  ReceiptBox receipts_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<InboundConnection>> connections_;
  std::vector<InboundConnection*> free_;
  std::vector<StoreWriter*> pushed_;
  size_t next_writer_ = 0;
  MonotonicTime next_trial_;      // of a full disk
  MonotonicTime tell_accept_at_;  // that it fails, again
  MonotonicTime tell_memory_at_;  // that there is none, again
  bool stopping_ = false;
  std::atomic<size_t> open_count_{0};
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_INBOUND_H_
