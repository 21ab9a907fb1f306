// What the Windows side of net/ shares: Winsock's own address structures and calls.
//
// Plain functions without state, called on the thread of the poller or of whoever waits; failures are in
// WSAGetLastError(). Who includes this has <winsock2.h> before <windows.h>, as Winsock demands.

#ifndef POSTERN_NET_SOCKET_WIN_H_
#define POSTERN_NET_SOCKET_WIN_H_

#include <winsock2.h>
#include <ws2tcpip.h>

#include <string>
#include <string_view>

#include "net/address.h"
#include "net/op.h"

namespace postern {

struct SystemAddress {
  sockaddr_storage storage{};
  int size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SystemAddress ToSystem(const SocketAddress& address);

inline SOCKET SystemHandle(Socket socket) { return static_cast<SOCKET>(socket.handle); }

// Once in a process, before any other call of Winsock; again it costs nothing.
void StartWinsock();

// A socket for overlapped calls that no child inherits, or an invalid one. `type` is SOCK_STREAM or SOCK_DGRAM.
Socket MakeSystemSocket(AddressFamily family, int type);

bool IsDatagramSocket(Socket socket);

// The close that follows resets the connection instead of ending it in order.
void SetAbortOnClose(Socket socket);

// For a wish: a system that refuses it still serves.
void SetFlag(Socket socket, int level, int name, DWORD value);

}  // namespace postern

#endif  // POSTERN_NET_SOCKET_WIN_H_
