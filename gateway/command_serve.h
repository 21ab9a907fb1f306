// RunServe is `postern serve`: the gateway from its start to its end, in this process.
//
// It is called once, on the main thread, and returns when the gateway has stopped. It owns nothing afterwards.

#ifndef POSTERN_GATEWAY_COMMAND_SERVE_H_
#define POSTERN_GATEWAY_COMMAND_SERVE_H_

#include "gateway/config.h"

namespace postern {

// The exit code of the process (exit_code.h).
int RunServe(const Config& config);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_SERVE_H_
