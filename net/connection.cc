#include "net/connection.h"

#include <utility>

#include "absl/log/check.h"
#include "net/socket.h"

namespace postern {

void Connection::Reset(Reactor& reactor, BlockLender& lender, ConnectionHandler& handler, Socket socket) {
  CHECK(state_ == State::kFree);
  reactor_ = &reactor;
  lender_ = &lender;
  handler_ = &handler;
  socket_ = socket;
  error_ = NetError::kNone;
  system_code_ = 0;
  reading_ = waiting_for_block_ = peer_ended_ = false;
  output_.clear();
  sending_.clear();
  sent_size_ = 0;
  for (Op* op : {&read_op_, &write_op_, &close_op_}) {
    op->owner = this;
    op->socket = socket;
  }
  read_op_.done = HandleReadDone;
  write_op_.done = HandleWriteDone;
  close_op_.done = HandleCloseDone;
  close_op_.kind = OpKind::kClose;
}

void Connection::Start(Reactor& reactor, BlockLender& lender, ConnectionHandler& handler, Socket accepted) {
  Reset(reactor, lender, handler, accepted);
  SetNoDelay(accepted);
  state_ = State::kOpen;
  StartReading();
}

void Connection::StartConnect(Reactor& reactor, BlockLender& lender, ConnectionHandler& handler,
                              const SocketAddress& peer) {
  const SocketResult made = MakeSocketFor(peer);
  Reset(reactor, lender, handler, made.socket);
  if (!made.socket.valid()) {
    // There is no socket to close, yet the failure must not arrive inside this call.
    error_ = made.error;
    system_code_ = made.system_code;
    state_ = State::kClosing;
    reactor.Post([this] { HandleCloseDone(close_op_); });
    return;
  }
  SetNoDelay(made.socket);
  state_ = State::kConnecting;
  write_op_.kind = OpKind::kConnect;
  write_op_.peer = peer;
  reactor_->Start(write_op_);
}

void Connection::StartReading() {
  if (reading_ || waiting_for_block_ || peer_ended_ || state_ != State::kOpen) return;
  if (input_.empty()) ReturnBlock();
  if (block_ == nullptr) {
    read_op_.kind = OpKind::kAwaitReadable;
  } else {
    read_op_.kind = OpKind::kRecv;
    read_op_.recv_bytes = input_.WritableSpan();
    if (read_op_.recv_bytes.empty()) return;  // full: Resume() comes when somebody has read
  }
  reading_ = true;
  reactor_->Start(read_op_);
}

void Connection::HandleReadDone(Op& op) {
  Connection& self = *static_cast<Connection*>(op.owner);
  self.reading_ = false;
  if (self.state_ != State::kOpen) return;
  if (op.result < 0) return self.Fail(op.error, op.system_code);
  if (op.kind == OpKind::kAwaitReadable) return self.HandleBlockFree();
  if (op.result == 0) {
    self.peer_ended_ = true;
    self.handler_->HandlePeerEnd(self);
    if (self.input_.empty()) self.ReturnBlock();
    return;
  }
  self.input_.Commit(static_cast<size_t>(op.result));
  self.handler_->HandleInput(self);
  self.StartReading();
}

// There is input to be had, and perhaps a block to put it in.
void Connection::HandleBlockFree() {
  waiting_for_block_ = false;
  if (state_ != State::kOpen) return;
  block_ = lender_->TryTake(*this);
  if (block_ == nullptr) {
    waiting_for_block_ = true;
    return;
  }
  input_.AttachMemory(block_->memory());
  read_op_.kind = OpKind::kRecv;
  read_op_.recv_bytes = input_.WritableSpan();
  reading_ = true;
  reactor_->Start(read_op_);
}

void Connection::Resume() { StartReading(); }

void Connection::Flush() {
  if (sending_.empty() && !output_.empty() && (state_ == State::kOpen || state_ == State::kFlushing)) {
    std::swap(output_, sending_);
    sent_size_ = 0;
    StartSending();
  }
}

void Connection::StartSending() {
  write_op_.kind = OpKind::kSend;
  write_op_.send_bytes = std::string_view(sending_).substr(sent_size_);
  reactor_->Start(write_op_);
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
  self.sent_size_ += static_cast<size_t>(op.result);
  if (self.sent_size_ < self.sending_.size()) return self.StartSending();
  self.sending_.clear();
  if (!self.output_.empty()) return self.Flush();
  if (self.state_ == State::kFlushing) return self.StartClose();
  self.handler_->HandleDrained(self);
}

void Connection::CloseAfterFlush() {
  if (state_ != State::kOpen) {
    if (state_ == State::kConnecting) Abort();
    return;
  }
  state_ = State::kFlushing;
  Flush();
  if (drained()) StartClose();
}

void Connection::Abort(bool reset) {
  if (state_ == State::kFree || state_ == State::kClosing) return;
  if (reset) SetAbortOnClose(socket_);
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
  reactor_->Start(close_op_);
}

void Connection::HandleCloseDone(Op& op) {
  Connection& self = *static_cast<Connection*>(op.owner);
  self.input_.Consume(self.input_.size());
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
