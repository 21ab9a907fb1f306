// The Windows half of port_owner.h in two steps, so that a test can take the second alone: wine's table of sockets
// names no process.
//
// A plain function, as FindPortHolders() is.

#ifndef POSTERN_NET_PORT_OWNER_WIN_H_
#define POSTERN_NET_PORT_OWNER_WIN_H_

#include <cstdint>

#include "net/port_owner.h"

namespace postern {

// All that can be seen of the process.
void DescribeProcess(uint32_t pid, PortHolder& holder);

}  // namespace postern

#endif  // POSTERN_NET_PORT_OWNER_WIN_H_
