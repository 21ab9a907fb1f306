#include "bench/load/idle_holder.h"

#include <utility>

namespace postern {

IdleHolder::IdleHolder(Reactor& reactor, const SocketAddress& server, size_t count, Duration timeout,
                       MakeSocket make_socket)
    : reactor_(reactor), server_(server), timeout_(timeout), make_socket_(std::move(make_socket)), connections_(count) {
  for (Idle& idle : connections_) {
    idle.holder = this;
    idle.connect_op.kind = OpKind::kConnect;
    idle.connect_op.done = [](Op& op) {
      Idle& mine = *static_cast<Idle*>(op.owner);
      if (op.error == NetError::kNone) return Receive(mine);
      mine.holder->Close(mine);
    };
    idle.recv_op.kind = OpKind::kRecv;
    idle.recv_op.done = [](Op& op) { HandleReceived(*static_cast<Idle*>(op.owner)); };
    idle.close_op.kind = OpKind::kClose;
    idle.close_op.done = [](Op& op) { HandleClosed(*static_cast<Idle*>(op.owner)); };
    idle.timer.fire = [](Timer& timer) {
      Idle& mine = *static_cast<Idle*>(timer.owner);
      mine.holder->Close(mine);
    };
    idle.connect_op.owner = idle.recv_op.owner = idle.close_op.owner = idle.timer.owner = &idle;
  }
}

void IdleHolder::Start() { StartMore(); }

void IdleHolder::StartMore() {
  const auto under_way = [this] { return started_count_ - held_count_ - lost_count_; };
  while (!stopping_ && started_count_ < connections_.size() && under_way() < kUnderWayMax) {
    Idle& idle = connections_[started_count_++];
    if (!TryConnect(idle)) ++lost_count_;
  }
}

bool IdleHolder::TryConnect(Idle& idle) {
  const SocketResult made = make_socket_();
  if (!made.socket.valid()) return false;
  ++open_count_;
  idle.state = Idle::State::kConnecting;
  idle.connect_op.socket = idle.recv_op.socket = idle.close_op.socket = made.socket;
  idle.connect_op.connect_to = &server_;
  reactor_.timers().Arm(idle.timer, reactor_.now() + timeout_);
  reactor_.Start(idle.connect_op);
  return true;
}

void IdleHolder::Receive(Idle& idle) {
  if (idle.state == Idle::State::kClosing) return;
  idle.recv_op.set_recv_bytes(idle.room);
  idle.holder->reactor_.Start(idle.recv_op);
}

// The first byte of the greeting says whether we are welcome; whatever else the server has to say, only its end counts.
void IdleHolder::HandleReceived(Idle& idle) {
  IdleHolder& holder = *idle.holder;
  if (idle.state == Idle::State::kClosing) return;
  if (idle.recv_op.error != NetError::kNone || idle.recv_op.result <= 0) return holder.Close(idle);
  if (idle.state == Idle::State::kHeld) return Receive(idle);
  if (idle.room[0] != '2') return holder.Close(idle);
  idle.state = Idle::State::kHeld;
  holder.reactor_.timers().Disarm(idle.timer);
  ++holder.held_count_;
  Receive(idle);
  holder.StartMore();
}

void IdleHolder::Close(Idle& idle) {
  if (idle.state == Idle::State::kClosing) return;
  if (idle.state == Idle::State::kHeld) --held_count_;
  idle.state = Idle::State::kClosing;
  reactor_.timers().Disarm(idle.timer);
  reactor_.Start(idle.close_op);
}

void IdleHolder::HandleClosed(Idle& idle) {
  IdleHolder& holder = *idle.holder;
  idle.state = Idle::State::kNone;
  --holder.open_count_;
  ++holder.lost_count_;
  holder.StartMore();
}

void IdleHolder::Stop() {
  stopping_ = true;
  for (Idle& idle : connections_) {
    if (idle.state != Idle::State::kNone) Close(idle);
  }
}

}  // namespace postern
