// RunProbe is `postern probe`: talks to a mail server as the old telnet test did, and says who answers.
//
// It is called once, on the main thread. With a gateway running on this machine it says whether that is the one which
// answers, so a port that leads elsewhere is caught.

#ifndef POSTERN_GATEWAY_COMMAND_PROBE_H_
#define POSTERN_GATEWAY_COMMAND_PROBE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/config.h"

namespace postern {

// `target` is HOST or HOST:PORT, port 25 by default. The exit code of the process (exit_code.h): kExitOk when a server
// answers, kExitUnavailable when nobody does.
int RunProbe(const Config& config, const std::string& target);

// The same, with the way to ask the local gateway for its identity, and what is told put into `out`.
// FailedPrecondition: it is not meant to answer anywhere.
using LocalIdentity = std::function<absl::StatusOr<std::string>()>;
int Probe(const std::string& target, const LocalIdentity& local_identity, std::string& out);

}  // namespace postern

#endif  // POSTERN_GATEWAY_COMMAND_PROBE_H_
