// ReadRoutes puts the [[route]] tables of a file into a Config, and finds routes without a way, with two, twice for a
// domain, with keys that mean nothing for them, and next hops that are this gateway.
//
// A plain function, called on the main thread when all else of the file was read: what a route leaves out of its
// schedule is what [relay] says, wherever that stands.

#ifndef POSTERN_GATEWAY_ROUTE_READER_H_
#define POSTERN_GATEWAY_ROUTE_READER_H_

#include "gateway/config.h"
#include "gateway/config_mistakes.h"
#include "gateway/toml.h"

namespace postern {

// `node` is what stands as "route".
void ReadRoutes(const toml::node& node, Config& config, ConfigMistakes& mistakes);

}  // namespace postern

#endif  // POSTERN_GATEWAY_ROUTE_READER_H_
