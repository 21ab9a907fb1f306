#include "net/connection.h"

#include <utility>

#include "absl/log/check.h"
#include "core/limits.h"
#include "net/socket.h"

namespace postern {

void Connection::Reset(Reactor& reactor, BlockLender& lender, ConnectionHandler& handler, Socket socket) {
  CHECK(state_ == State::kFree);
  reactor_ = &reactor;
  lender_ = &lender;
  handler_ = &handler;
  error_ = NetError::kNone;
  system_code_ = 0;
  reading_ = waiting_for_block_ = peer_ended_ = false;
  output_.clear();
  sending_.clear();
  for (Op* op : {&read_op_, &write_op_, &close_op_}) {
    op->owner = this;
    op->socket = socket;
  }
  read_op_.done = HandleReadDone;
  write_op_.done = HandleWriteDone;
  close_op_.done = HandleCloseDone;
  close_op_.kind = OpKind::kClose;
  close_op_.reset = false;
  linger_.owner = this;
  linger_.fire = HandleLinger;
}

void Connection::Start(Reactor& reactor, BlockLender& lender, ConnectionHandler& handler, Socket accepted) {
  Reset(reactor, lender, handler, accepted);
  state_ = State::kOpen;
  StartReading();
}

void Connection::StartConnect(Reactor& reactor, BlockLender& lender, ConnectionHandler& handler,
                              const SocketAddress& peer) {
  const SocketResult made = reactor.sockets().MakeFor(peer);
  Reset(reactor, lender, handler, made.socket);
  if (!made.socket.valid()) {
    // There is no socket to close, yet the failure must not arrive inside this call.
    error_ = made.error;
    system_code_ = made.system_code;
    state_ = State::kClosing;
    reactor.Post([this] { HandleCloseDone(close_op_); });
    return;
  }
  state_ = State::kConnecting;
  write_op_.kind = OpKind::kConnect;
  write_op_.connect_to = &peer;
  reactor_->Start(write_op_);
}

// Always waits for input before it lends memory to it: an idle connection holds none.
void Connection::StartReading() {
  const bool receiving = reading_ && read_op_.kind == OpKind::kRecv;
  if (input_.empty() && !receiving) ReturnBlock();
  if (reading_ || waiting_for_block_ || peer_ended_) return;
  if (state_ != State::kOpen && state_ != State::kFlushing && state_ != State::kLingering) return;
  if (block_ != nullptr && input_.free_size() == 0) return;  // Resume() comes when somebody has read
  reading_ = true;
  read_op_.kind = OpKind::kAwaitReadable;
  reactor_->Start(read_op_);
}

// There is input to be had, and perhaps a block to put it in.
void Connection::StartRecv() {
  if (block_ == nullptr) {
    block_ = lender_->TryTake(*this);
    waiting_for_block_ = block_ == nullptr;
    if (waiting_for_block_) return;
    input_.AttachMemory(block_->memory());
    PutBack();
  }
  reading_ = true;
  read_op_.kind = OpKind::kRecv;
  read_op_.set_recv_bytes(input_.LendRoom());  // the handler may read from the ring meanwhile
  reactor_->Start(read_op_);
}

void Connection::HandleBlockFree() {
  waiting_for_block_ = false;
  StartRecv();
}

void Connection::HandleReadDone(Op& op) {
  Connection& self = *static_cast<Connection*>(op.owner);
  self.reading_ = false;
  if (op.kind == OpKind::kRecv) self.input_.Commit(op.result > 0 ? static_cast<size_t>(op.result) : 0);
  if (self.state_ == State::kClosing) return;
  if (op.result < 0) return self.Fail(op.error, op.system_code);
  if (op.kind == OpKind::kAwaitReadable) return self.StartRecv();
  self.peer_ended_ = op.result == 0;
  if (self.state_ != State::kOpen) {
    self.input_.Consume(self.input_.size());
    if (self.peer_ended_ && self.state_ == State::kLingering) return self.StartClose();
  } else if (self.peer_ended_) {
    self.handler_->HandlePeerEnd(self);
  } else {
    self.handler_->HandleInput(self);
  }
  self.StartReading();
}

void Connection::AwaitMore() {
  const bool receiving = reading_ && read_op_.kind == OpKind::kRecv;
  if (input_.empty() || receiving || input_.size() > kCommandLineSizeMax) return;
  while (!input_.empty()) {
    const std::string_view bytes = input_.Peek();
    aside_ += bytes;
    input_.Consume(bytes.size());
  }
  ReturnBlock();
}

// The ring has a block again, and nothing in it.
void Connection::PutBack() {
  input_.Commit(aside_.copy(input_.WritableSpan().data(), aside_.size()));
  aside_.clear();
}

void Connection::Resume() { StartReading(); }

void Connection::Flush() {
  if (sending_.empty() && !output_.empty() && (state_ == State::kOpen || state_ == State::kFlushing)) {
    std::swap(output_, sending_);
    write_op_.kind = OpKind::kSend;
    write_op_.set_send_bytes(sending_);
    reactor_->Start(write_op_);
  }
}

void Connection::HandleWriteDone(Op& op) {
  Connection& self = *static_cast<Connection*>(op.owner);
  if (self.state_ == State::kClosing) return;
  if (op.result < 0) return self.Fail(op.error, op.system_code);
  if (op.kind == OpKind::kConnect) {
    self.state_ = State::kOpen;
    self.handler_->HandleConnected(self);
    self.Flush();
    self.StartReading();
    return;
  }
  op.set_send_bytes(op.send_bytes().substr(static_cast<size_t>(op.result)));
  if (op.size > 0) return self.reactor_->Start(op);
  self.sending_.clear();
  if (!self.output_.empty()) return self.Flush();
  if (self.state_ == State::kFlushing) return self.EndSending();
  self.handler_->HandleDrained(self);
}

void Connection::CloseAfterFlush() {
  if (state_ == State::kConnecting) return Abort();
  if (state_ != State::kOpen) return;
  state_ = State::kFlushing;
  reactor_->timers().Arm(linger_, reactor_->now() + kFlushTimeMax);
  input_.Consume(input_.size());
  aside_.clear();
  Flush();
  if (drained()) EndSending();
  StartReading();
}

void Connection::EndSending() {
  if (peer_ended_) return StartClose();
  state_ = State::kLingering;
  reactor_->sockets().EndSend(socket());
  reactor_->timers().Arm(linger_, reactor_->now() + kLingerTimeMax);
}

void Connection::HandleLinger(Timer& timer) { static_cast<Connection*>(timer.owner)->StartClose(); }

void Connection::Abort(bool reset) {
  if (state_ == State::kFree || state_ == State::kClosing) return;
  close_op_.reset = reset;
  StartClose();
}

void Connection::Fail(NetError error, int system_code) {
  error_ = error;
  system_code_ = system_code;
  StartClose();
}

void Connection::StartClose() {
  state_ = State::kClosing;
  if (waiting_for_block_) lender_->Forget(*this);
  reactor_->timers().Disarm(linger_);
  reactor_->Start(close_op_);
}

void Connection::HandleCloseDone(Op& op) {
  Connection& self = *static_cast<Connection*>(op.owner);
  self.input_.Consume(self.input_.size());
  self.aside_.clear();
  self.ReturnBlock();
  self.state_ = State::kFree;
  self.handler_->HandleClosed(self);
}

void Connection::ReturnBlock() {
  if (block_ == nullptr) return;
  input_.DetachMemory();
  lender_->Give(std::exchange(block_, nullptr));
}

}  // namespace postern
