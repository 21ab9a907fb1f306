#include "gateway/command_doctor.h"

#include <cstdio>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/exit_code.h"
#include "gateway/port_diagnosis.h"
#include "net/address.h"
#include "net/socket.h"

namespace postern {
namespace {

// Without a word from anybody it is the mail port that is meant, not that of the embedded defaults.
std::vector<SocketAddress> AddressesOf(const Config& config) {
  if (!config.file.empty()) return config.listen;
  return {*SocketAddress::Parse("0.0.0.0", kSmtpPort), *SocketAddress::Parse("::", kSmtpPort)};
}

}  // namespace

int RunDoctor(const Config& config, const std::string& target) {
  if (target.empty() && ListenAddresses(config).empty()) {
    std::puts("transfer = \"flush\": the gateway listens on nothing, so nobody is in its way");
    return kExitOk;
  }
  std::vector<SocketAddress> addresses = AddressesOf(config);
  if (!target.empty()) {
    const std::optional<SocketAddress> address = SocketAddress::Parse(target, kSmtpPort);
    if (!address) {
      const std::string text =
          absl::StrCat("postern doctor: \"", target,
                       "\" is no address of this machine: write 127.0.0.1:25, [::1]:25 or 0.0.0.0:25\n");
      std::fwrite(text.data(), 1, text.size(), stderr);
      return kExitUsage;
    }
    addresses = {*address};
  }
  int code = kExitOk;
  for (const SocketAddress& address : addresses) {
    const PortDiagnosis diagnosis = ExaminePort(SystemSockets(), address);
    const std::string text = diagnosis.ToString();
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (diagnosis.error == NetError::kNoPermission) {
      std::puts("  nobody listens there, as far as the kernel's table tells");
    } else if (!diagnosis.free()) {
      code = kExitUnavailable;
    }
  }
  return code;
}

}  // namespace postern
