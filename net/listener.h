// Listener takes connections from a listening socket and gives each to its handler.
//
// Its handler owns it, on one reactor's thread. When the process has no descriptor left it pauses for a moment instead
// of spinning: the connections wait in the system's queue.

#ifndef POSTERN_NET_LISTENER_H_
#define POSTERN_NET_LISTENER_H_

#include "net/address.h"
#include "net/op.h"
#include "net/reactor.h"

namespace postern {

class ListenerHandler {
 public:
  virtual ~ListenerHandler() = default;
  virtual void HandleAccepted(Socket socket, const SocketAddress& peer) = 0;
  // Accepting failed, and is tried again in kAcceptPause.
  virtual void HandleAcceptFailed(NetError error, int system_code) = 0;
  virtual void HandleListenerClosed() {}  // the last call
};

inline constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void Start(Reactor& reactor, ListenerHandler& handler, Socket listening);
  void Close();
  bool closed() const { return !socket_.valid(); }
  SocketAddress address() const;

 private:
  void Accept();
  static void HandleAcceptDone(Op& op);
  static void HandleCloseDone(Op& op);

  Reactor* reactor_ = nullptr;
  ListenerHandler* handler_ = nullptr;
  Socket socket_;
  bool closing_ = false;
  Timer pause_;
  Op accept_op_, close_op_;
  SocketAddress accepted_from_;  // by accept_op_
};

}  // namespace postern

#endif  // POSTERN_NET_LISTENER_H_
