// The keys of the configuration, as a table: what each is called, what it takes, where its value goes, what it means.
//
// The table is made once and never changes; any thread may read it. config.cc reads files by it,
// docs/configuration.md is held to it by a test. A new key is a new row, and nothing else.

#ifndef POSTERN_GATEWAY_CONFIG_KEYS_H_
#define POSTERN_GATEWAY_CONFIG_KEYS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.h"
#include "gateway/config_codec.h"
#include "gateway/toml.h"

namespace postern {

// `Target` is what holds the value: the Config, or a Route for the keys of [[route]].
template <typename Target>
struct ConfigKey {
  std::string_view section;  // "limits"; empty for those on top
  std::string_view name;
  bool required = false;
  std::string type;  // for people: "duration, 1ms to 7d"
  std::string_view example;
  std::string_view about;
  std::function<void(const toml::node& node, Target& target, Complain complain)> read;
  std::function<std::string(const Target& target)> show;  // as TOML
};

const std::vector<ConfigKey<Config>>& ConfigKeys();
const std::vector<ConfigKey<Route>>& RouteKeys();

inline constexpr std::string_view kRouteSection = "route";

// For the documentation: "| `name` | type | default | example | meaning |", in the order of the table, with the
// section.
struct ConfigKeyRow {
  std::string_view section;
  std::string_view name;
  std::string row;
};
std::vector<ConfigKeyRow> ConfigKeyRows();

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONFIG_KEYS_H_
