#include "gateway/port_diagnosis.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/visible_text.h"
#include "net/dialog.h"
#include "net/host.h"

namespace postern {
namespace {

constexpr size_t kForeignSizeMax = 300;  // of a command line or a greeting, in our own text

void AppendLine(std::string_view name, std::string_view value, std::string& out) {
  if (value.empty()) return;
  absl::StrAppend(&out, "  ", name, std::string(12 - std::min<size_t>(name.size(), 11), ' '));
  AppendVisible(value, kForeignSizeMax, out);
  out += '\n';
}

std::string_view FamilyName(const SocketAddress& address) {
  switch (address.family()) {
    case AddressFamily::kIPv4: return "IPv4";
    case AddressFamily::kIPv6: return "IPv6";
    default: return "UNIX";
  }
}

// Windows looks at no case of letters.
bool IsPostern(std::string_view program) {
  return absl::EndsWith(program, "/postern") || absl::EndsWithIgnoreCase(program, "\\postern.exe");
}

void AppendHolder(const PortHolder& holder, std::string& out) {
  AppendLine("holds", absl::StrCat(holder.address.ToString(), holder.listening ? "" : ", without listening"), out);
  if (holder.pid != 0) AppendLine("pid", absl::StrCat(holder.pid), out);
  AppendLine("program", holder.program, out);
  AppendLine("command", holder.command_line, out);
  AppendLine("user", holder.user, out);
  AppendLine("unit", holder.unit, out);
  AppendLine("container", holder.container, out);
  AppendLine("unknown", holder.missing, out);
  if (holder.pid == ProcessId()) {
    AppendLine("note", "that is this very process: two of its addresses are one", out);
  } else if (IsPostern(holder.program)) {
    AppendLine("note", "that is a Postern; `postern probe` tells whether it is the one of a configuration", out);
  }
}

}  // namespace

std::string PortDiagnosis::ToString() const {
  std::string out = absl::StrCat(address.ToString(), " (", FamilyName(address), ")");
  if (free()) return out + " is free\n";
  if (error == NetError::kAddressInUse) {
    absl::StrAppend(&out, " is held by another program\n");
  } else {
    absl::StrAppend(&out, " cannot be had: ", what, "\n");
  }
  for (const PortHolder& holder : holders) AppendHolder(holder, out);
  AppendLine("greeting", greeting, out);
  if (holders.empty()) AppendLine("hint", WhyNoHolderIsSeen(error), out);
  // Holders of several addresses are often one program, which is stopped once.
  std::vector<std::string_view> told;
  for (const PortHolder& holder : holders) {
    if (std::find(told.begin(), told.end(), holder.stop_command) != told.end()) continue;
    told.push_back(holder.stop_command);
    AppendLine("to stop it", holder.stop_command, out);
  }
  return out;
}

PortDiagnosis DiagnosePort(const SocketAddress& address, const SocketResult& refused, MonotonicTime greeting_deadline) {
  PortDiagnosis diagnosis{.address = address, .error = refused.error, .what = refused.what};
  if (refused.error != NetError::kAddressInUse && refused.error != NetError::kNoPermission) return diagnosis;
  diagnosis.holders = FindPortHolders(address);
  // Who may not bind learns from the kernel's table whether he would have been refused all the same.
  if (!diagnosis.holders.empty()) diagnosis.error = NetError::kAddressInUse;
  for (const PortHolder& holder : diagnosis.holders) {
    if (!holder.listening || holder.pid == ProcessId()) continue;
    const Duration wait = greeting_deadline - SystemClock().Monotonic();
    if (wait > Duration::zero()) diagnosis.greeting = ReadGreeting(holder.address, wait);
    break;
  }
  return diagnosis;
}

PortDiagnosis ExaminePort(Sockets& sockets, const SocketAddress& address) {
  const SocketResult result = sockets.ListenOn(address, /*backlog=*/1);
  if (!result.socket.valid()) return DiagnosePort(address, result, SystemClock().Monotonic() + kGreetingWaitMax);
  sockets.CloseNow(result.socket);
  return {.address = address};
}

}  // namespace postern
