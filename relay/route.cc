#include "relay/route.h"

#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"

namespace postern {

std::string HostPort::ToString() const {
  return host.find(':') == std::string::npos ? absl::StrCat(host, ":", port) : absl::StrCat("[", host, "]:", port);
}

const char* ToText(RouteKind kind) {
  switch (kind) {
    case RouteKind::kMaildir: return "maildir";
    case RouteKind::kNextHop: return "next_hop";
    case RouteKind::kMx: return "mx";
    case RouteKind::kLmtp: return "lmtp";
    case RouteKind::kReject: return "reject";
    case RouteKind::kDiscard: return "discard";
  }
  return "";
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text, uint16_t default_port) {
  const auto wrong = [text](std::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": ", what));
  };
  HostPort result = {.host = {}, .port = default_port};
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return wrong("the bracket is not closed");
    result.host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return wrong("after the bracket only a port may follow, as in [::1]:25");
    if (!rest.empty()) port = rest.substr(1);
    if (!rest.empty() && port.empty()) return wrong("the port must be 1 to 65535");
  } else {
    const size_t colon = text.find(':');
    if (colon != text.rfind(':')) return wrong("an IPv6 address stands in brackets, as in [::1]:25");
    result.host = text.substr(0, colon);
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return wrong("the port must be 1 to 65535");
    }
  }
  if (result.host.empty()) return wrong("the host is missing, as in mail.internal:25");
  if (!port.empty()) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535) {
      return wrong("the port must be 1 to 65535");
    }
    result.port = static_cast<uint16_t>(number);
  }
  return result;
}

absl::StatusOr<RouteTable> RouteTable::Create(std::vector<Route> routes) {
  RouteTable table;
  table.routes_ = std::move(routes);
  for (uint32_t i = 0; i < table.count(); ++i) {
    const Route& route = table.routes_[i];
    const auto wrong = [&route](std::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat("route \"", route.match, "\": ", what));
    };
    if (route.kind == RouteKind::kMaildir && route.maildir.empty()) return wrong("the maildir's path is missing");
    if (route.kind == RouteKind::kNextHop && route.next_hops.empty()) return wrong("there is no next hop");
    if (route.kind == RouteKind::kLmtp && route.next_hops.empty() && route.unix_socket.empty()) {
      return wrong("there is neither a host nor a socket");
    }
    if (route.retry.intervals.empty()) return wrong("there is no time after which to try again");
    if (route.connection_count_max == 0) return wrong("at least one connection must be allowed");
    if (const absl::Status added = table.table_.Add(route.match, i); !added.ok()) return wrong(added.message());
  }
  return table;
}

}  // namespace postern
