// `postern service`: the gateway as a Windows service.
//
// Plain functions, called by main() on the main thread. RunService() is an administrator's; RunAsService() is what the
// service manager calls.

#ifndef POSTERN_GATEWAY_COMMAND_SERVICE_H_
#define POSTERN_GATEWAY_COMMAND_SERVICE_H_

#include <string>

#include "gateway/config.h"

namespace postern {

enum class ServiceVerb { kInstall, kRemove, kStart, kStop };

struct ServiceCommand {
  ServiceVerb verb = ServiceVerb::kStart;
  std::string name = "Postern";  // several may live on one machine, each with a configuration of its own
  std::string account = {};      // empty: the account that Windows has for each service, "NT SERVICE\\Postern"
};

// Says in words what went wrong, and returns the exit code: of a service that could not start its own.
int RunService(const Config& config, const ServiceCommand& command);

// Lives as the service `name`. It reads its configuration itself, since nobody else could tell what is wrong with it.
int RunAsService(const std::string& config_file, const std::string& name);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_SERVICE_H_
