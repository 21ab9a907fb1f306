// What the POSIX side of net/ shares: accepting and connecting with the system's own address structures.
//
// Plain functions without state, called on the thread of the poller or of whoever waits; failures are in errno.

#ifndef POSTERN_NET_SOCKET_POSIX_H_
#define POSTERN_NET_SOCKET_POSIX_H_

#include "net/address.h"
#include "net/op.h"

namespace postern {

// One waiting connection, or an invalid socket with errno set.
Socket AcceptSocket(Socket listener, SocketAddress& peer);

// True when connected at once; else errno, EINPROGRESS when it is under way.
bool ConnectSocket(Socket socket, const SocketAddress& peer);

// The error that came of a connect that was under way; 0 when it is connected.
int ConnectOutcome(Socket socket);

// Whether it was made for datagrams.
bool IsDatagramSocket(Socket socket);

// The close that follows resets the connection instead of ending it in order.
void SetAbortOnClose(Socket socket);

}  // namespace postern

#endif  // POSTERN_NET_SOCKET_POSIX_H_
