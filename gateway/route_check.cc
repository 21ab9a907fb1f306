#include "gateway/route_check.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/clock.h"
#include "gateway/own_address.h"
#include "net/address.h"
#include "net/dialog.h"
#include "net/host.h"

namespace postern {
namespace {

constexpr Duration kConnectTimeMax = std::chrono::seconds(1);

// Empty when somebody answers there.
std::string SocketTrouble(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return "there is no such socket; is the server running whose mailboxes they are?";
  }
  if (status.type() == std::filesystem::file_type::none) return absl::StrCat("cannot be reached: ", error.message());
  if (status.type() != std::filesystem::file_type::socket) return "is no socket";
  const absl::StatusOr<Dialog> dialog =
      Dialog::Connect(SocketAddress::Unix(path), SystemClock().Monotonic() + kConnectTimeMax);
  return dialog.ok() ? "" : absl::StrCat("cannot be connected to: ", dialog.status().message());
}

}  // namespace

std::vector<RouteTrouble> CheckRoutes(const Config& config) {
  std::vector<RouteTrouble> troubles;
  const std::vector<SocketAddress> own = OwnAddresses(config, MachineAddresses());
  for (const Route& route : config.routes) {
    if (!route.unix_socket.empty()) {
      std::string text = SocketTrouble(route.unix_socket);
      if (text.empty()) continue;
      troubles.push_back({.route = &route, .host = absl::StrCat("unix:", route.unix_socket), .text = std::move(text)});
    }
    for (const HostPort& host : route.next_hops) {
      const std::optional<IpAddress> ip = IpAddress::Parse(host.host);
      if (!ip.has_value()) continue;
      const SocketAddress address = {.ip = *ip, .port = host.port, .path = {}};
      if (std::find(own.begin(), own.end(), address) == own.end()) continue;
      troubles.push_back({.route = &route,
                          .host = host.ToString(),
                          .text = "this is the gateway itself: the address is one of this machine, and the gateway "
                                  "listens on all of them; mail would go round for ever"});
    }
  }
  return troubles;
}

ConfigError ToError(const RouteTrouble& trouble, const Config& config) {
  const Route& route = *trouble.route;
  return {.file = config.file,
          .line = route.way_line,
          .text = absl::StrCat("route \"", route.match, "\": ", ToText(route.kind), " \"", trouble.host,
                               "\": ", trouble.text)};
}

}  // namespace postern
