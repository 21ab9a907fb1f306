// ReadConfig puts a parsed file into a Config by the table of keys, and finds what no single key can know: two claims
// of one port, domains of ours that no route takes.
//
// A plain function, called on the main thread. It goes on after a mistake, so that all are told at once.

#ifndef POSTERN_GATEWAY_CONFIG_READER_H_
#define POSTERN_GATEWAY_CONFIG_READER_H_

#include <string_view>
#include <vector>

#include "gateway/config.h"
#include "gateway/toml.h"

namespace postern {

// `config` holds the defaults; the mistakes come in the order of their lines.
std::vector<ConfigError> ReadConfig(const toml::table& root, std::string_view file, Config& config);

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONFIG_READER_H_
