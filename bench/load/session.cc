#include "bench/load/session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "bench/load/failure_text.h"

namespace postern {
namespace {

void Prepare(Op& op, OpKind kind, void* owner, void (*done)(Op&)) {
  op.kind = kind;
  op.owner = owner;
  op.done = done;
}

}  // namespace

Session::Session(SessionContext& context) : context_(context) {
  timer_.owner = this;
  timer_.fire = [](Timer& timer) { static_cast<Session*>(timer.owner)->HandleDeadline(); };
  Prepare(connect_op_, OpKind::kConnect, this, [](Op& op) { static_cast<Session*>(op.owner)->HandleConnected(); });
  Prepare(recv_op_, OpKind::kRecv, this, [](Op& op) { static_cast<Session*>(op.owner)->HandleReceived(); });
  Prepare(send_op_, OpKind::kSend, this, [](Op& op) { static_cast<Session*>(op.owner)->HandleSent(); });
  Prepare(close_op_, OpKind::kClose, this, [](Op& op) { static_cast<Session*>(op.owner)->HandleClosed(); });
}

void Session::Give(const Assignment& assignment) {
  CHECK(available());
  const MonotonicTime now = context_.clock.Monotonic();
  Accept(assignment, now);
  if (state_ == State::kFree) return Connect(now);
  state_ = State::kTalking;
  StartMessage(now);
  Pump(now);
}

void Session::Leave() {
  const MonotonicTime now = context_.clock.Monotonic();
  if (state_ == State::kResting) {
    ArmDeadline(kNever);
    state_ = State::kFree;
  } else if (state_ == State::kWaiting) {
    state_ = State::kTalking;
    conversation_.StartQuit(now);
    Pump(now);
  }
}

void Session::Abort() {
  Leave();
  if (state_ == State::kConnecting) return context_.reactor.Cancel(connect_op_);
  if (state_ != State::kTalking) return;
  conversation_.HandleDisconnect("interrupted");
  Pump(context_.clock.Monotonic());
}

void Session::HandleDeadline() {
  const MonotonicTime now = context_.clock.Monotonic();
  if (state_ == State::kResting) {
    state_ = State::kFree;
    Offer(now);
  } else if (state_ == State::kConnecting) {
    timed_out_ = true;
    context_.reactor.Cancel(connect_op_);
  } else if (state_ == State::kTalking) {
    conversation_.HandleTimeout();
    Pump(now);
  }
}

// Without a connection, and without a message.
void Session::Offer(MonotonicTime now) {
  const std::optional<Assignment> next = context_.owner.TakeAssignment(now);
  if (!next) return context_.owner.HandleAvailable(*this);
  Accept(*next, now);
  Connect(now);
}

void Session::Rest(MonotonicTime now) {
  state_ = State::kResting;
  ArmDeadline(now + kRest);
}

// --- the conversation ------------------------------------------------------------------------------

void Session::Pump(MonotonicTime now) {
  while (state_ == State::kTalking) {
    const ClientWant want = conversation_.Pump(in_, out_, now);
    NoteProgress(now);
    switch (want) {
      case ClientWant::kBody: {
        const std::string_view piece = letter_.NextPiece();
        conversation_.GiveBody(piece, letter_.at_end());
        break;
      }
      case ClientWant::kMessage: HandlePeerReady(now); break;
      case ClientWant::kClose:
        // Behind a message the one in hand goes to another connection; see FinishMessage().
        if (in_hand_ && connection_message_count_ == 0) FailMessage(conversation_.failure(), now);
        return StartClose();
      case ClientWant::kInput: ArmDeadline(conversation_.deadline()); return StartIo(now);
    }
  }
  if (state_ == State::kWaiting) StartIo(now);
}

void Session::HandlePeerReady(MonotonicTime now) {
  if (takes_no_more_ || connection_full()) return conversation_.StartQuit(now);
  if (!in_hand_) {
    const std::optional<Assignment> next = context_.owner.TakeAssignment(now);
    if (next) {
      Accept(*next, now);
    } else if (context_.plan.Over(now)) {
      return conversation_.StartQuit(now);
    } else {
      state_ = State::kWaiting;
      ArmDeadline(kNever);
      return context_.owner.HandleAvailable(*this);
    }
  }
  StartMessage(now);
}

bool Session::connection_full() const {
  const auto reached = [this](uint64_t count_max) { return count_max != 0 && connection_message_count_ >= count_max; };
  return reached(context_.messages_per_connection) || reached(conversation_.mail_count_max());
}

void Session::Accept(const Assignment& assignment, MonotonicTime now) {
  assignment_ = assignment;
  in_hand_ = true;
  on_again_ = false;
  begun_at_ = now;
}

void Session::StartMessage(MonotonicTime now) {
  ++connection_message_count_;
  said_ = true;
  mail_noted_ = false;
  mail_said_at_ = now;
  body_said_at_ = kNever;
  letter_.Start(*assignment_.mail, assignment_.number);
  conversation_.StartMessage(
      {.head = &context_.head, .recipients = context_.recipients, .body_size = assignment_.mail->text().size()}, now);
}

void Session::NoteProgress(MonotonicTime now) {
  if (said_ && !mail_noted_ && conversation_.mail_answered()) {
    mail_noted_ = true;
    if (counted()) context_.tally.mail.Record(now - mail_said_at_ + lateness());
  }
  if (conversation_.TakeFinished() && said_) FinishMessage(now);
}

// A kept connection may end, or refuse another message, just as that is said: it is said again on a fresh one, once.
void Session::FinishMessage(MonotonicTime now) {
  said_ = false;
  takes_no_more_ = conversation_.refused_another_message();
  const bool kept = connection_message_count_ > 1;
  const bool elsewhere = takes_no_more_ || conversation_.failed_before_mail();
  if (kept && elsewhere && !on_again_ && !context_.plan.stopped()) {
    on_again_ = true;
    return;
  }
  uint64_t taken_count = 0;
  for (const RecipientResult& result : conversation_.results()) {
    if (result.fate == Fate::kDelivered) {
      ++taken_count;
    } else if (counted()) {
      const bool unsaid = result.fate == Fate::kNextTransaction;
      context_.tally.errors.Add(unsaid ? "more recipients than the server takes at once" : FailureText(result.reply));
    }
  }
  if (taken_count > 0 && counted()) {
    context_.tally.recipient_count += taken_count;
    context_.tally.message.Record(now - assignment_.due);
    if (body_said_at_ != kNever) context_.tally.end_of_data.Record(now - body_said_at_ + lateness());
  }
  CountMessage(taken_count > 0, now);
}

// It never came to be said.
void Session::FailMessage(const ServerReply& reply, MonotonicTime now) {
  if (counted()) context_.tally.errors.Add(FailureText(reply));
  nobody_answered_ = true;
  CountMessage(/*taken=*/false, now);
}

void Session::CountMessage(bool taken, MonotonicTime now) {
  in_hand_ = on_again_ = false;
  const uint64_t size = taken ? assignment_.mail->text().size() : 0;
  context_.live.message_count.fetch_add(taken ? 1 : 0, std::memory_order_relaxed);
  context_.live.byte_count.fetch_add(size, std::memory_order_relaxed);
  context_.live.failed_count.fetch_add(taken ? 0 : 1, std::memory_order_relaxed);
  context_.tally.timeline.Add(now,
                              {.message_count = taken ? 1u : 0u, .byte_count = size, .failed_count = taken ? 0u : 1u});
  if (!counted()) return;
  context_.tally.message_count += taken ? 1 : 0;
  context_.tally.failed_count += taken ? 0 : 1;
  context_.tally.byte_count += size;
}

// --- the socket ------------------------------------------------------------------------------------

void Session::Connect(MonotonicTime now) {
  connect_at_ = now;
  connection_message_count_ = 0;
  timed_out_ = nobody_answered_ = takes_no_more_ = false;
  const SocketResult made = context_.owner.MakeSocket();
  if (!made.socket.valid()) {
    FailMessage({.code = 0, .text = absl::StrCat("no socket: ", made.what)}, now);
    return Rest(now);
  }
  socket_ = made.socket;
  connect_op_.socket = socket_;
  connect_op_.connect_to = &context_.server;
  state_ = State::kConnecting;
  ArmDeadline(now + context_.connect_timeout);
  context_.reactor.Start(connect_op_);
}

void Session::HandleConnected() {
  const MonotonicTime now = context_.clock.Monotonic();
  Tally& tally = context_.tally;
  if (connect_op_.error != NetError::kNone) {
    ++tally.failed_connection_count;
    const char* const words = timed_out_ ? "timed out" : FailureText(connect_op_.error);
    FailMessage({.code = 0, .text = absl::StrCat("cannot connect: ", words)}, now);
    return StartClose();
  }
  ++tally.connection_count;
  if (counted()) tally.connect.Record(now - connect_at_ + lateness());
  if (memory_ == nullptr) {
    memory_ = std::make_unique_for_overwrite<char[]>(kInSize + kOutSize);
    in_.AttachMemory({memory_.get(), kInSize});
    out_.AttachMemory({memory_.get() + kInSize, kOutSize});
  }
  state_ = State::kTalking;
  conversation_.Start(context_.policy, now);
  Pump(now);
}

void Session::StartIo(MonotonicTime now) {
  if (!sending_ && !out_.empty()) {
    sending_ = true;
    send_op_.socket = socket_;
    send_op_.set_send_bytes(out_.Peek());
    if (conversation_.body_written()) body_said_at_ = now;  // the last of such sends has the last byte
    context_.reactor.Start(send_op_);
  }
  // Always: a server that refuses or leaves while we send is heard at once.
  if (!receiving_) {
    receiving_ = true;
    recv_op_.socket = socket_;
    recv_op_.set_recv_bytes(in_.WritableSpan());
    context_.reactor.Start(recv_op_);
  }
}

void Session::HandleSent() {
  sending_ = false;
  if (state_ == State::kClosing) return;
  if (send_op_.error == NetError::kNone) {
    out_.Consume(static_cast<size_t>(send_op_.result));
  } else if (!receiving_) {
    conversation_.HandleDisconnect(FailureText(send_op_.error));
  } else {
    return;  // what the server said before it left is worth more: the receive under way will tell
  }
  Pump(context_.clock.Monotonic());
}

void Session::HandleReceived() {
  receiving_ = false;
  if (state_ == State::kClosing) return;
  if (recv_op_.error == NetError::kNone && recv_op_.result > 0) {
    in_.Commit(static_cast<size_t>(recv_op_.result));
  } else if (recv_op_.error == NetError::kNone) {
    conversation_.HandleDisconnect("the server closed the connection");
  } else {
    conversation_.HandleDisconnect(FailureText(recv_op_.error));
  }
  // Whatever a server has to say to somebody who waits, it ends the connection.
  state_ = State::kTalking;
  Pump(context_.clock.Monotonic());
}

void Session::StartClose() {
  state_ = State::kClosing;
  ArmDeadline(kNever);
  close_op_.socket = socket_;
  context_.reactor.Start(close_op_);
}

// All other ops came home before.
void Session::HandleClosed() {
  socket_ = {};
  in_.Consume(in_.size());
  out_.Consume(out_.size());
  const MonotonicTime now = context_.clock.Monotonic();
  if (in_hand_ && !context_.plan.stopped()) return Connect(now);
  if (in_hand_) FailMessage({.code = 0, .text = "interrupted"}, now);
  if (nobody_answered_ && !context_.plan.Over(now)) return Rest(now);
  state_ = State::kFree;
  Offer(now);
}

void Session::ArmDeadline(MonotonicTime deadline) {
  if (deadline == kNever) {
    context_.reactor.timers().Disarm(timer_);
  } else {
    context_.reactor.timers().Arm(timer_, deadline);
  }
}

}  // namespace postern
