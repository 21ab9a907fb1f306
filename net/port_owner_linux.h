// The Linux half of port_owner.h with its source of truth named, so that a test can write one.
//
// A plain function, as FindPortHolders() is.

#ifndef POSTERN_NET_PORT_OWNER_LINUX_H_
#define POSTERN_NET_PORT_OWNER_LINUX_H_

#include <string>
#include <vector>

#include "net/port_owner.h"

namespace postern {

// `proc` is a folder like /proc.
std::vector<PortHolder> FindPortHoldersIn(const std::string& proc, const SocketAddress& address);

}  // namespace postern

#endif  // POSTERN_NET_PORT_OWNER_LINUX_H_
