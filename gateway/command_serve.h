// RunServe is `postern serve`: the gateway from its start to its end, in this process.
//
// It is called once, on the main thread, and returns when the gateway has stopped. It owns nothing afterwards.

#ifndef POSTERN_GATEWAY_COMMAND_SERVE_H_
#define POSTERN_GATEWAY_COMMAND_SERVE_H_

#include <functional>
#include <string>

#include "gateway/config.h"

namespace postern {

// What lives as a service of the system has no standard error: its event lines go into a file a day, and those that are
// rare into the system's log of events too.
struct ServiceRole {
  std::string name = {};                  // the service's; empty at a console
  std::function<void()> started = [] {};  // called once, when it serves
};

// The exit code of the process (exit_code.h).
int RunServe(const Config& config, const ServiceRole& role = {});

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_SERVE_H_
