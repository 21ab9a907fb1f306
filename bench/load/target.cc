#include "bench/load/target.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "net/dialog.h"
#include "net/name_lookup.h"

namespace postern {

absl::StatusOr<SocketAddress> FindTarget(const std::string& target) {
  constexpr uint16_t kSmtpPort = 25;
  if (const std::optional<SocketAddress> literal = SocketAddress::Parse(target, kSmtpPort); literal) return *literal;
  const std::pair<std::string, std::string> parts = absl::StrSplit(target, absl::MaxSplits(':', 1));
  // The port is read as that of an address, which is the same everywhere.
  const bool has_port = parts.first.size() < target.size();
  const std::optional<SocketAddress> any =
      SocketAddress::Parse(absl::StrCat("0.0.0.0:", has_port ? parts.second : std::to_string(kSmtpPort)));
  if (!any) return absl::InvalidArgumentError(absl::StrCat("\"", target, "\": the port must be 1 to 65535"));
  const absl::StatusOr<std::vector<std::string>> found = LookUpName(parts.first, 1);
  if (!found.ok()) return found.status();
  const std::optional<IpAddress> ip = IpAddress::Parse(found->front());
  if (!ip) return absl::UnavailableError(absl::StrCat("\"", found->front(), "\" is no address that we can use"));
  return SocketAddress{.ip = *ip, .port = any->port, .path = {}};
}

absl::StatusOr<std::string> ReadServerGreeting(const SocketAddress& address, Duration timeout) {
  const MonotonicTime deadline = SystemClock().Monotonic() + timeout;
  absl::StatusOr<Dialog> dialog = Dialog::Connect(address, deadline);
  if (!dialog.ok()) return dialog.status();
  absl::StatusOr<std::string> line = dialog->ReadLine(deadline);
  // A courtesy: the server need not wonder where we are.
  if (line.ok()) dialog->Write("QUIT\r\n", deadline).IgnoreError();
  return line;
}

}  // namespace postern
