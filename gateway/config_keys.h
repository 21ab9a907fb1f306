// The keys of the configuration, but for those of routes, as a table.
//
// The table is made once and never changes; any thread may read it. config_reader.cc reads files by it,
// docs/configuration.md is held to it by a test. A new key is a new row, and nothing else.

#ifndef POSTERN_GATEWAY_CONFIG_KEYS_H_
#define POSTERN_GATEWAY_CONFIG_KEYS_H_

#include <string>
#include <string_view>
#include <vector>

#include "gateway/config.h"
#include "gateway/config_key.h"

namespace postern {

const std::vector<ConfigKey<Config>>& ConfigKeys();

// For the documentation, of all keys, those of routes as well: "| `name` | type | default | example | meaning |", in
// the order of the tables, with the section.
struct ConfigKeyRow {
  std::string_view section;
  std::string_view name;
  std::string row;
};
std::vector<ConfigKeyRow> ConfigKeyRows();

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONFIG_KEYS_H_
