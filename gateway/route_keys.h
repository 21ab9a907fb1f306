// The keys of a [[route]], as a table, and for which kinds of route each has a meaning.
//
// The table is made once and never changes; any thread may read it. route_reader.cc reads routes by it,
// docs/configuration.md is held to it by a test. A new key is a new row, and nothing else.

#ifndef POSTERN_GATEWAY_ROUTE_KEYS_H_
#define POSTERN_GATEWAY_ROUTE_KEYS_H_

#include <optional>
#include <string_view>
#include <vector>

#include "gateway/config_key.h"
#include "relay/route.h"

namespace postern {

inline constexpr std::string_view kRouteSection = "route";

struct RouteKey {
  ConfigKey<Route> key;
  std::optional<RouteKind> way{};  // the key that makes a route one of this kind; a route has exactly one such
  std::vector<RouteKind> kinds{};  // else: of these kinds; empty: of all

  bool Suits(RouteKind kind) const;
};

const std::vector<RouteKey>& RouteKeys();

}  // namespace postern

#endif  // POSTERN_GATEWAY_ROUTE_KEYS_H_
