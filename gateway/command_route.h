// RunRoute is `postern route`: says which route an address takes, and where its mail would go now.
//
// It is called once, on the main thread. It asks the name servers that the gateway asks, and no mail server.

#ifndef POSTERN_GATEWAY_COMMAND_ROUTE_H_
#define POSTERN_GATEWAY_COMMAND_ROUTE_H_

#include <string>
#include <vector>

#include "gateway/config.h"

namespace postern {

struct RouteCommand {
  std::vector<std::string> addresses{};
  bool json = false;
};

// The exit code of the process (exit_code.h): kExitOk when mail for all of them goes somewhere, kExitUnavailable when
// it would be refused for one, kExitTemporary when it would wait, kExitUsage for what is no address.
int RunRoute(const Config& config, const RouteCommand& command);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_ROUTE_H_
