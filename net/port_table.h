// PortTableEntry is a line of the system's table of TCP sockets, and what is done with such lines whatever the system.
//
// Plain values and functions of port_owner's halves, usable on any thread.

#ifndef POSTERN_NET_PORT_TABLE_H_
#define POSTERN_NET_PORT_TABLE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "net/address.h"

namespace postern {

struct PortTableEntry {
  SocketAddress address;
  bool listening = false;
  int distance = 0;    // how far from what was asked for
  uint64_t owner = 0;  // what leads to the process: the socket's inode (Linux), the process's number (Windows)
  uint32_t uid = 0;    // of the user (Linux)
};

// How a socket at `held` is in the way of a claim of `wanted` with IPV6_V6ONLY: 0 the very same, then less and less
// near; nothing when it is not.
std::optional<int> ConflictDistance(const SocketAddress& held, const SocketAddress& wanted);

// What listens, and only when nothing does the rest; what is near before what may be; not too many.
void KeepNearest(std::vector<PortTableEntry>& entries);

}  // namespace postern

#endif  // POSTERN_NET_PORT_TABLE_H_
