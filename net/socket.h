// Sockets makes sockets, and tells and does what needs no waiting; what may take its time is an Op for a Poller.
//
// A poller has one, whose sockets its ops are about: the system's, or the simulator's. Whoever made a socket owns it
// until it gives it to a Listener or a Connection. The system's may be used on any thread.

#ifndef POSTERN_NET_SOCKET_H_
#define POSTERN_NET_SOCKET_H_

#include <optional>
#include <string>
#include <string_view>

#include "net/address.h"
#include "net/op.h"

struct sockaddr;

namespace postern {

struct SocketResult {
  Socket socket;  // valid, or
  NetError error = NetError::kNone;
  int system_code = 0;
  std::string what = {};  // which call failed, and the system's words
};

// All sockets are non-blocking, send at once what is given to them (TCP_NODELAY), are not inherited by other programs,
// and never share their port (no SO_REUSEPORT).
class Sockets {
 public:
  virtual ~Sockets() = default;

  // A socket that owns `address` and listens. The claim is exclusive: nobody can bind the same port beside us, and an
  // IPv6 wildcard does not take the IPv4 one. A UNIX socket is made with mode 0600, in place of a dead one.
  virtual SocketResult ListenOn(const SocketAddress& address, int backlog) = 0;

  // The same listening socket by another name, for another poller: they share its waiting connections, and the port is
  // free when the last of them is closed.
  virtual SocketResult Duplicate(Socket listening) = 0;

  // A socket to start a connect op to `peer` on.
  virtual SocketResult MakeFor(const SocketAddress& peer) = 0;

  // The same for TCP, with a connection that comes from `from`, an address of this machine and of the peer's family.
  virtual SocketResult MakeBoundFor(const SocketAddress& peer, const IpAddress& from) = 0;

  // A socket for datagrams (UDP) from and to `peer`, for ops of kind connect, send, recv and close. A send takes one
  // datagram, a recv yields one, perhaps an empty one; that nobody is there comes as kRefused of a later send or recv.
  virtual SocketResult MakeDatagramFor(const SocketAddress& peer) = 0;

  // The address that a socket is bound to: with the port that the system chose for port 0.
  virtual SocketAddress LocalAddress(Socket socket) = 0;

  // Tells the peer that no more will be sent; receiving goes on. No send may be under way.
  virtual void EndSend(Socket socket) = 0;

  // Closes a socket that no poller has seen; all others are closed by an op.
  virtual void CloseNow(Socket socket) = 0;
};

Sockets& SystemSockets();

// Where it has none, all that would make one is refused in words.
bool SystemHasUnixSockets();

// `system` has the whole structure of its family behind it.
SocketAddress FromSystemAddress(const sockaddr& system);
NetError ToNetError(int system_code);
std::string SystemErrorText(int system_code);

std::optional<IpAddress> ParseIpText(std::string_view text);
std::string FormatIpText(const IpAddress& ip);

}  // namespace postern

#endif  // POSTERN_NET_SOCKET_H_
