// What the pollers of POSIX systems share: accepting and connecting with the system's own address structures.
//
// Plain functions without state, called on the poller's thread; failures are in errno.

#ifndef POSTERN_NET_SOCKET_POSIX_H_
#define POSTERN_NET_SOCKET_POSIX_H_

#include "net/address.h"
#include "net/op.h"

namespace postern {

// One waiting connection, or an invalid socket with errno set.
Socket AcceptSocket(Socket listener, SocketAddress& peer);

// True when connected at once; else errno, EINPROGRESS when it is under way.
bool ConnectSocket(Socket socket, const SocketAddress& peer);

}  // namespace postern

#endif  // POSTERN_NET_SOCKET_POSIX_H_
