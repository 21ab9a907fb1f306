#include "net/listener.h"

#include "absl/log/check.h"
#include "net/socket.h"

namespace postern {

void Listener::Start(Reactor& reactor, ListenerHandler& handler, Socket listening) {
  CHECK(closed());
  reactor_ = &reactor;
  handler_ = &handler;
  socket_ = listening;
  closing_ = false;
  for (Op* op : {&accept_op_, &close_op_}) {
    op->owner = this;
    op->socket = listening;
  }
  accept_op_.kind = OpKind::kAccept;
  accept_op_.accept_from = &accepted_from_;
  accept_op_.done = HandleAcceptDone;
  close_op_.kind = OpKind::kClose;
  close_op_.done = HandleCloseDone;
  pause_.owner = this;
  pause_.fire = [](Timer& timer) { static_cast<Listener*>(timer.owner)->Accept(); };
  Accept();
}

void Listener::Accept() { reactor_->Start(accept_op_); }

void Listener::HandleAcceptDone(Op& op) {
  Listener& self = *static_cast<Listener*>(op.owner);
  if (self.closing_) {
    if (op.result >= 0) self.reactor_->sockets().CloseNow(op.accepted());
    return;
  }
  if (op.result >= 0) {
    self.handler_->HandleAccepted(op.accepted(), self.accepted_from_);
    if (!self.closing_) self.Accept();
    return;
  }
  self.handler_->HandleAcceptFailed(op.error, op.system_code);
  self.reactor_->timers().Arm(self.pause_, self.reactor_->now() + kAcceptPause);
}

void Listener::Close() {
  if (closed() || closing_) return;
  closing_ = true;
  reactor_->timers().Disarm(pause_);
  reactor_->Start(close_op_);
}

void Listener::HandleCloseDone(Op& op) {
  Listener& self = *static_cast<Listener*>(op.owner);
  self.socket_ = {};
  self.handler_->HandleListenerClosed();
}

SocketAddress Listener::address() const { return reactor_->sockets().LocalAddress(socket_); }

}  // namespace postern
