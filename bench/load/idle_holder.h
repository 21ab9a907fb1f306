// IdleHolder holds connections that say nothing, to see what they cost a server.
//
// A worker owns it, on its thread. It makes them a hundred at a time, reads each server's greeting, and from then on
// only notices when one ends.

#ifndef POSTERN_BENCH_LOAD_IDLE_HOLDER_H_
#define POSTERN_BENCH_LOAD_IDLE_HOLDER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/clock.h"
#include "net/op.h"
#include "net/reactor.h"
#include "net/socket.h"
#include "net/timers.h"

namespace postern {

class IdleHolder {
 public:
  using MakeSocket = std::function<SocketResult()>;

  // `count` connections to `server`; each has to stand, with its greeting, within `timeout` of its beginning.
  IdleHolder(Reactor& reactor, const SocketAddress& server, size_t count, Duration timeout, MakeSocket make_socket);
  IdleHolder(const IdleHolder&) = delete;
  IdleHolder& operator=(const IdleHolder&) = delete;

  void Start();
  // Ends all that stand.
  void Stop();

  // Each is held, or has failed.
  bool settled() const { return held_count_ + lost_count_ == connections_.size(); }
  size_t held_count() const { return held_count_; }  // that stand now, with a greeting
  size_t lost_count() const { return lost_count_; }  // that never did, or that the server has ended
  bool closed() const { return open_count_ == 0; }

 private:
  static constexpr size_t kUnderWayMax = 100;

  struct Idle {
    enum class State : uint8_t { kNone, kConnecting, kHeld, kClosing };

    IdleHolder* holder = nullptr;
    State state = State::kNone;
    Op connect_op;
    Op recv_op;
    Op close_op;
    Timer timer;  // until it is held
    std::array<char, 64> room;
  };

  void StartMore();
  bool TryConnect(Idle& idle);
  static void Receive(Idle& idle);
  static void HandleReceived(Idle& idle);
  void Close(Idle& idle);
  static void HandleClosed(Idle& idle);

  Reactor& reactor_;
  const SocketAddress server_;
  const Duration timeout_;
  const MakeSocket make_socket_;
  std::vector<Idle> connections_;
  bool stopping_ = false;
  size_t started_count_ = 0;
  size_t held_count_ = 0;
  size_t lost_count_ = 0;
  size_t open_count_ = 0;  // sockets
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_IDLE_HOLDER_H_
