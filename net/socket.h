// Sockets as the system gives them: made, bound, set; and addresses as the system writes them.
//
// Plain functions without state; whoever made a socket owns it until it gives it to a Listener or a Connection. All
// sockets are non-blocking, are not inherited by children, and never share their port (no SO_REUSEPORT).

#ifndef POSTERN_NET_SOCKET_H_
#define POSTERN_NET_SOCKET_H_

#include <optional>
#include <string>
#include <string_view>

#include "net/address.h"
#include "net/op.h"

namespace postern {

struct SocketResult {
  Socket socket;  // valid, or
  NetError error = NetError::kNone;
  int system_code = 0;
  std::string what = {};  // which call failed, and the system's words
};

// A socket that owns `address` and listens. The claim is exclusive: nobody can bind the same port beside us, and an
// IPv6 wildcard does not take the IPv4 one. A UNIX socket is made with mode 0600, in place of a dead one.
SocketResult ListenOn(const SocketAddress& address, int backlog);

// A socket to start a connect op on.
SocketResult MakeSocketFor(const SocketAddress& peer);

// The address that a socket is bound to: with the port that the system chose for port 0.
SocketAddress LocalAddress(Socket socket);

// Replies go out at once (TCP_NODELAY); harmless on a UNIX socket.
void SetNoDelay(Socket socket);
// The close that follows resets the connection instead of ending it in order.
void SetAbortOnClose(Socket socket);
// Closes a socket that no poller knows.
void CloseNow(Socket socket);

NetError ToNetError(int system_code);
std::string SystemErrorText(int system_code);

std::optional<IpAddress> ParseIpText(std::string_view text);
std::string FormatIpText(const IpAddress& ip);

}  // namespace postern

#endif  // POSTERN_NET_SOCKET_H_
