#include "net/service.h"

namespace postern {
namespace {

absl::Status SystemdDoesIt() {
  return absl::UnimplementedError(
      "`service` is for Windows; here systemd starts and stops a program: see docs/operations.md for a unit, and use "
      "`systemctl start` and `systemctl stop`");
}

}  // namespace

absl::Status InstallService(const ServiceEntry&) { return SystemdDoesIt(); }
absl::Status RemoveService(const std::string&) { return SystemdDoesIt(); }
absl::StatusOr<int> BeginService(const std::string&) { return SystemdDoesIt(); }
absl::Status EndService(const std::string&) { return SystemdDoesIt(); }
absl::StatusOr<int> LiveAsService(const std::string&, const ServiceBody&) { return SystemdDoesIt(); }

// What goes to standard error is in the journal already.
void WriteToJournal(const std::string&, JournalLevel, uint16_t, const std::string&) {}

}  // namespace postern
