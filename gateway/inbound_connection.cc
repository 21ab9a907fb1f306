// The road in, for one peer: what the conversation wants, one case each, and what comes back.

#include "gateway/inbound_connection.h"

#include <chrono>
#include <tuple>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace postern {

// With its places in the poller and among the timers, and its greeting, who says nothing costs 1 KiB
// (docs/performance.md).
static_assert(sizeof(void*) != 8 || sizeof(InboundConnection) <= 824, "there are many of them");

InboundConnection::InboundConnection(Inbound& inbound)
    : inbound_(inbound), conversation_(inbound.options_.conversation, inbound.transactions_) {
  timer_.owner = this;
  timer_.fire = HandleTimer;
}

void InboundConnection::Start(Socket socket, const SocketAddress& peer, bool trusted) {
  CHECK(state_ == State::kFree && message_ == nullptr);
  state_ = State::kTalking;
  refused_ = peer_ended_ = false;
  entered_ = true;
  trusted_ = trusted;
  address_ = peer.ip;
  static_assert(std::tuple_size_v<decltype(peer_.text)> >= 45, "no IP address is longer than that");
  peer_ = WorkPeer(peer.ip.ToString());
  inbound_.events_.Write(Event::kConnected,
                         {{"dir", "in"}, {"peer", peer_.view()}, {"port", absl::AlphaNum(peer.port).Piece()}});
  connection_.Start(inbound_.reactor_, inbound_.rings_, *this, socket);
  conversation_.Start({.address = peer_.view(), .trusted = trusted}, connection_.output(), inbound_.reactor_.now());
  Pump();
}

void InboundConnection::StartRefused(Socket socket, std::string_view reply) {
  state_ = State::kTalking;
  refused_ = true;
  peer_ended_ = false;
  connection_.Start(inbound_.reactor_, inbound_.rings_, *this, socket);
  connection_.output() = reply;
  Close();
}

void InboundConnection::HandleInput(Connection&) {
  if (state_ == State::kTalking) Pump();
}

void InboundConnection::HandlePeerEnd(Connection&) {
  peer_ended_ = true;
  if (state_ == State::kTalking) Pump();
}

void InboundConnection::HandleDrained(Connection&) {
  if (state_ == State::kTalking) Continue();
}

void InboundConnection::Continue() {
  Pump();
  connection_.Resume();
}

void InboundConnection::Pump() {
  const MessageId message = message_ != nullptr ? message_->id : MessageId{};
  const WorkScope work(inbound_.slot_, WorkStage::kReceiving, message, &peer_);
  state_ = State::kTalking;
  while (state_ == State::kTalking) {
    const Want want = conversation_.Pump(connection_.input(), connection_.output(), inbound_.reactor_.now());
    TellNotes();
    switch (want) {
      case Want::kInput:
        connection_.AwaitMore();
        if (!peer_ended_) return Await();
        conversation_.HandlePeerEnd();
        break;
      case Want::kDrain: return Await();
      case Want::kAdmission: Admit(); break;
      case Want::kFragment: HandOff(); break;
      case Want::kReceipt: Commit(); break;
      case Want::kRelease: Release(); break;
      case Want::kClose: Close(); break;
    }
  }
}

// The peer has the word, until the deadline.
void InboundConnection::Await() {
  connection_.Flush();
  if (conversation_.deadline() != kNever) inbound_.reactor_.timers().Arm(timer_, conversation_.deadline());
}

// 354 is a promise: it is given with places for all that the message may need of the writer, and a block in hand.
void InboundConnection::Admit() {
  state_ = State::kAdmitting;
  if (message_ != nullptr) return;  // the end of an abandoned message is still away
  StoreWriter& writer = inbound_.ChooseWriter();
  const HandoffResult answer = inbound_.MayAdmit(writer);
  if (answer == HandoffResult::kDurable) {
    Block* block = TakeBlock();
    if (block == nullptr) return;
    if (writer.TryReserve(kPlacesPerMessage)) {
      message_ = inbound_.messages_.Take();
      message_->Start(writer, inbound_.ids_.Next(inbound_.reactor_.wall()), inbound_.receipts_, this);
      inbound_.NoteAdmitted(writer);
      conversation_.Admit(message_->id, block, inbound_.reactor_.wall());
    } else {
      inbound_.bodies_.Give(block);
      conversation_.Refuse(HandoffResult::kNoRoom);
    }
  } else {
    conversation_.Refuse(answer);
  }
  state_ = State::kTalking;
}

// One handoff is always kept for the end of the message.
void InboundConnection::HandOff() {
  state_ = State::kHandingOff;
  if (message_->home_count == 1) return;
  Push(HandoffKind::kFragment, conversation_.TakeFragment(), {});
  Refill();
}

// The full block has gone before another is asked for: nobody holds one while he waits for one.
void InboundConnection::Refill() {
  state_ = State::kRefilling;
  Block* block = TakeBlock();
  if (block == nullptr) return;
  conversation_.GiveBlock(block);
  state_ = State::kTalking;
}

void InboundConnection::Commit() {
  state_ = State::kCommitting;
  const WholeMessage whole = conversation_.TakeMessage();
  message_->size = whole.size;
  message_->recipient_count = whole.recipient_count;
  message_->committed_at = inbound_.reactor_.now();
  Push(HandoffKind::kAccepted, whole.block, whole.envelope);
  connection_.Flush();  // replies to what came before, in a pipeline
}

// What was admitted will not come: the writer forgets what it has of it.
void InboundConnection::Release() {
  if (Block* block = conversation_.TakeReleased(); block != nullptr) inbound_.bodies_.Give(block);
  if (message_->known_to_writer) return Push(HandoffKind::kAbandoned, nullptr, {});
  EndMessage();
}

void InboundConnection::Close() {
  state_ = State::kClosing;
  Leave();
  if (conversation_.has_quit()) connection_.NotePeerEnd();
  connection_.CloseAfterFlush();
}

// Whoever is only saying goodbye takes nobody's place.
void InboundConnection::Leave() {
  if (std::exchange(entered_, false)) inbound_.ledger_.Leave(address_, trusted_);
}

void InboundConnection::Push(HandoffKind kind, Block* body, std::string_view head) {
  IncomingMessage& message = *message_;
  Handoff& handoff = *message.home[--message.home_count];
  handoff.kind = kind;
  handoff.result = HandoffResult::kPending;
  handoff.message = message.id;
  handoff.head = head;
  handoff.body = body;
  CHECK(message.writer->TryPush(&handoff)) << "a place was reserved";
  message.known_to_writer = true;
  inbound_.NotePushed(*message.writer);
}

void InboundConnection::HandleReceipt(Handoff& handoff) {
  message_->home[message_->home_count++] = &handoff;
  if (handoff.body != nullptr) inbound_.bodies_.Give(handoff.body);
  const bool accepted = handoff.kind == HandoffKind::kAccepted;
  if (accepted) {
    if (handoff.result == HandoffResult::kDurable) TellReceived();  // before the conversation forgets the message
    conversation_.HandleReceipt(handoff.result);
  }
  if (handoff.kind != HandoffKind::kFragment) EndMessage();
  switch (state_) {
    case State::kGone: return LeaveIfDone();
    case State::kCommitting:
      if (accepted) Continue();
      return;
    case State::kAdmitting:
    case State::kHandingOff: return Continue();
    default: return;
  }
}

Block* InboundConnection::TakeBlock() {
  if (waiting_for_block_) return nullptr;
  Block* block = inbound_.bodies_.TryTake(*this);
  waiting_for_block_ = block == nullptr;
  return block;
}

void InboundConnection::HandleBlockFree() {
  waiting_for_block_ = false;
  if (state_ == State::kRefilling) Refill();
  if (state_ == State::kTalking || state_ == State::kAdmitting) Continue();
}

void InboundConnection::HandleTimer(Timer& timer) {
  InboundConnection& self = *static_cast<InboundConnection*>(timer.owner);
  // While the conversation waits for us, or is over, it has no deadline; the next wait for the peer arms it again.
  if (self.conversation_.deadline() > self.inbound_.reactor_.now()) return;
  self.conversation_.HandleTimeout();
  self.Continue();
}

void InboundConnection::Shutdown() {
  if (refused_ || state_ == State::kClosing || state_ == State::kGone) return;
  conversation_.HandleShutdown();
  if (state_ == State::kTalking) Continue();
}

void InboundConnection::Abort(bool hard) {
  if (state_ == State::kGone) return;
  if (hard) return connection_.Abort(/*reset=*/true);
  if (refused_ || state_ == State::kClosing || state_ == State::kCommitting) return;
  conversation_.HandleAbort();
  Continue();
}

void InboundConnection::HandleClosed(Connection&) {
  inbound_.reactor_.timers().Disarm(timer_);
  if (std::exchange(waiting_for_block_, false)) inbound_.bodies_.Forget(*this);
  if (state_ != State::kClosing && state_ != State::kCommitting) {
    conversation_.HandlePeerEnd();
    for (;;) {
      const Want want = conversation_.Pump(connection_.input(), connection_.output(), inbound_.reactor_.now());
      if (want == Want::kClose) break;
      CHECK(want == Want::kRelease);
      Release();
    }
    TellNotes();
  }
  state_ = State::kGone;
  Leave();
  LeaveIfDone();
}

void InboundConnection::LeaveIfDone() {
  if (message_ != nullptr) return;
  state_ = State::kFree;
  inbound_.GiveConnection(*this);
}

void InboundConnection::EndMessage() {
  CHECK_EQ(message_->home_count, message_->handoffs.size());
  message_->writer->GiveBack(kPlacesPerMessage);
  inbound_.messages_.Give(std::move(message_));
}

void InboundConnection::TellNotes() {
  for (const ConversationNote& note : conversation_.TakeNotes()) {
    Event event = Event::kRejected;
    std::string_view key = "text";
    switch (note.kind) {
      case ConversationNote::Kind::kRecipientRefused: key = "recipient"; break;
      case ConversationNote::Kind::kTooManyHops: event = Event::kTooManyHops; break;
      case ConversationNote::Kind::kTimedOut:
        event = Event::kTimedOut;
        key = "stage";
        break;
      case ConversationNote::Kind::kMessageRefused:
      case ConversationNote::Kind::kTooManyErrors:
      case ConversationNote::Kind::kProtocolBroken: break;
    }
    inbound_.events_.Write(event, {{"dir", "in"},
                                   {"peer", peer_.view()},
                                   {"helo", conversation_.helo()},
                                   {"sender", note.sender},
                                   {"code", absl::AlphaNum(note.code).Piece()},
                                   {key, note.text}});
  }
}

void InboundConnection::TellReceived() const {
  const std::chrono::duration<double, std::milli> commit = inbound_.reactor_.now() - message_->committed_at;
  inbound_.events_.Write(Event::kReceived, {{"id", ToText(message_->id).view()},
                                            {"peer", peer_.view()},
                                            {"helo", conversation_.helo()},
                                            {"sender", conversation_.sender()},
                                            {"recipients", absl::AlphaNum(message_->recipient_count).Piece()},
                                            {"size", absl::AlphaNum(message_->size).Piece()},
                                            {"durable", inbound_.options_.storage_trusted ? "yes" : "doubtful"},
                                            {"commit_ms", absl::AlphaNum(commit.count()).Piece()}});
}

}  // namespace postern
