// A service is a program that the system starts with the machine and stops in an orderly way, with nobody at a console.
//
// Plain functions, called on the main thread by a command. Windows has a service manager of its own; elsewhere all of
// them are Unimplemented, and the message says what to use instead.

#ifndef POSTERN_NET_SERVICE_H_
#define POSTERN_NET_SERVICE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/clock.h"

namespace postern {

struct ServiceEntry {
  std::string name = {};  // by which it is started and stopped, and its events are found
  std::string title = {};
  std::string about = {};
  std::vector<std::string> command = {};  // the program's whole path, and its arguments
  std::string account = {};               // one that needs no password
  Duration stop_time_max = {};            // for which a machine that goes down waits for it
};

// From the next start of the machine on the system starts it. When it dies, or ends with another exit code than 0, it
// is started again after pauses that grow, and left alone when that does not help. AlreadyExists, PermissionDenied.
absl::Status InstallService(const ServiceEntry& entry);
// NotFound. A service that runs is stopped first.
absl::Status RemoveService(const std::string& name);
// Both return when it is done: when the service has started, or has ended. One that ends instead of starting has an
// exit code, which is no error here; else it is 0.
absl::StatusOr<int> BeginService(const std::string& name);
absl::Status EndService(const std::string& name);

// Calls `started` once it does what it is for, and returns its exit code.
using ServiceBody = std::function<int(const std::function<void()>& started)>;

// Lives as the service `name`, which the system has begun: `body` runs on another thread, and what the system wants
// comes as a Signal (net/host.h). The exit code of `body`, which the system learns too; FailedPrecondition when it was
// not the system that has started this program.
absl::StatusOr<int> LiveAsService(const std::string& name, const ServiceBody& body);

// Puts a line into the system's own log of events, under the name of a service that was installed.
enum class JournalLevel { kInformation, kWarning, kError };
void WriteToJournal(const std::string& service, JournalLevel level, uint16_t number, const std::string& text);

}  // namespace postern

#endif  // POSTERN_NET_SERVICE_H_
