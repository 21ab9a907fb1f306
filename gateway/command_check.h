// RunCheck is `postern check`: says whether a configuration is right, and what it leads to. It writes nothing.
//
// It is called once, on the main thread, with a configuration that was read without a mistake.

#ifndef POSTERN_GATEWAY_COMMAND_CHECK_H_
#define POSTERN_GATEWAY_COMMAND_CHECK_H_

#include "gateway/config.h"

namespace postern {

// The exit code of the process (exit_code.h).
int RunCheck(const Config& config);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_CHECK_H_
