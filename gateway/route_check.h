// CheckRoutes finds what is wrong with routes on this machine as it is now: what no file alone can tell.
//
// `postern check` calls it, and refuses the configuration; `postern serve` calls it at its start and only warns, since
// what is missing now may come later (imc.md: Q148565). On the main thread: it connects to sockets, for a second at
// most.

#ifndef POSTERN_GATEWAY_ROUTE_CHECK_H_
#define POSTERN_GATEWAY_ROUTE_CHECK_H_

#include <string>
#include <vector>

#include "gateway/config.h"

namespace postern {

struct RouteTrouble {
  const Route* route;  // of the configuration
  std::string host;    // "unix:/run/dovecot/lmtp", "192.0.2.1:25"
  std::string text;    // what is wrong with it, and what to do
};

// UNIX sockets that cannot be connected to, and hosts that are an address of this machine at which the gateway listens.
std::vector<RouteTrouble> CheckRoutes(const Config& config);

// As a mistake of the file: `postern.toml:14: route "example.org": lmtp "unix:/run/dovecot/lmtp": ...`.
ConfigError ToError(const RouteTrouble& trouble, const Config& config);

}  // namespace postern

#endif  // POSTERN_GATEWAY_ROUTE_CHECK_H_
