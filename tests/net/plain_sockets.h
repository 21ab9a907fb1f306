// Plain sockets that wait for what they do: what a server in a test needs, on whichever system.
//
// Functions on a handle that whoever opened it owns, on any thread; the calls are those that every system has had since
// BSD. What a test may take for granted is checked; the rest tells its failure as the calls do.

#ifndef POSTERN_TESTS_NET_PLAIN_SOCKETS_H_
#define POSTERN_TESTS_NET_PLAIN_SOCKETS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/address.h"
#include "net/op.h"

namespace postern {

enum class PlainKind : uint8_t { kStream, kDatagram };

// Bound to the IPv4 address, whose port may be 0 for any, or where there are UNIX sockets to the path; invalid when
// somebody has it. A stream listens.
Socket OpenPlain(PlainKind kind, const SocketAddress& address);
SocketAddress PlainAddress(Socket socket);

// Whether something can be had from either within the time; `second` may be invalid.
struct PlainReadiness {
  bool first = false;
  bool second = false;
};
PlainReadiness AwaitPlain(Socket first, Socket second, int milliseconds);

// The next connection, which sends at once what it is given.
Socket AcceptPlain(Socket listening);

// What came, at most `size_max` bytes; nothing at the end or after an error.
std::string RecvPlain(Socket socket, size_t size_max);
void SendPlain(Socket socket, std::string_view bytes);

// A datagram and who sent it.
std::string RecvPlainFrom(Socket socket, size_t size_max, SocketAddress& peer);
void SendPlainTo(Socket socket, std::string_view bytes, const SocketAddress& peer);

void ClosePlain(Socket socket);

}  // namespace postern

#endif  // POSTERN_TESTS_NET_PLAIN_SOCKETS_H_
