// `postern service`: the gateway as a Windows service.
//
// Called by main(), on the main thread. `run` is what the service manager calls; the others are an administrator's.

#ifndef POSTERN_GATEWAY_COMMAND_SERVICE_H_
#define POSTERN_GATEWAY_COMMAND_SERVICE_H_

#include <string>

#include "gateway/config.h"

namespace postern {

enum class ServiceVerb { kInstall, kRemove, kStart, kStop, kRun };

struct ServiceCommand {
  ServiceVerb verb = ServiceVerb::kStart;
  std::string name = "Postern";  // several may live on one machine, each with a configuration of its own
  std::string account = "NT AUTHORITY\\LocalService";
};

// Says in words what went wrong, and returns the exit code.
int RunService(const Config& config, const ServiceCommand& command);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_SERVICE_H_
