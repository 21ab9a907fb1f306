// RunDoctor is `postern doctor`: says who holds a listening address, and the command that frees it; and whether mail
// survives where the store lies.
//
// It is called once, on the main thread, whether a gateway runs or not.

#ifndef POSTERN_GATEWAY_COMMAND_DOCTOR_H_
#define POSTERN_GATEWAY_COMMAND_DOCTOR_H_

#include <string>

#include "gateway/config.h"

namespace postern {

// `target` is ADDR:PORT, ADDR (port 25) or empty for all that is configured, the store too. The exit code of the
// process (exit_code.h): kExitOk when all is free, kExitUnavailable when something is held, kExitConfig when the store
// lies where the configuration does not want it.
int RunDoctor(const Config& config, const std::string& target);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_DOCTOR_H_
