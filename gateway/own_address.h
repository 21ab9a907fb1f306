// OwnAddress knows a host of a route that is this gateway, as far as the configuration alone can tell.
//
// A plain function, usable on any thread. Nothing is asked of DNS: what a name turns out to be is seen when mail goes
// out.

#ifndef POSTERN_GATEWAY_OWN_ADDRESS_H_
#define POSTERN_GATEWAY_OWN_ADDRESS_H_

#include <optional>
#include <span>
#include <vector>

#include "gateway/config.h"
#include "relay/route.h"

namespace postern {

// Where we listen, a wildcard replaced by those of the machine's addresses that it stands for, and kept beside them.
std::vector<SocketAddress> OwnAddresses(const Config& config, std::span<const IpAddress> machine);

// The one of our listening addresses that leads back from `host`, as far as the configuration alone can tell; nothing
// when none does.
std::optional<SocketAddress> OwnAddress(const HostPort& host, const Config& config);

}  // namespace postern

#endif  // POSTERN_GATEWAY_OWN_ADDRESS_H_
