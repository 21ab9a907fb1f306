#include "gateway/command_doctor.h"

#include <cstdio>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/clock.h"
#include "gateway/exit_code.h"
#include "gateway/port_diagnosis.h"
#include "gateway/storage_judgement.h"
#include "net/address.h"
#include "net/socket.h"

namespace postern {
namespace {

// Without a word from anybody it is the mail port that is meant, not that of the embedded defaults.
std::vector<SocketAddress> AddressesOf(const Config& config) {
  if (!config.file.empty()) return config.listen;
  return {*SocketAddress::Parse("0.0.0.0", kSmtpPort), *SocketAddress::Parse("::", kSmtpPort)};
}

int ExaminePorts(const Config& config, const std::string& target) {
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

int ExamineStorage(const Config& config) {
  const SystemClock clock;
  const absl::StatusOr<StorageReport> report = FindStorage(config, &clock);
  const std::string text =
      report.ok() ? DescribeToOperator(*report) : absl::StrCat("storage: ", report.status().message(), "\n");
  std::fwrite(text.data(), 1, text.size(), stdout);
  return !report.ok() || JudgeStorage(*report, config.store.durability).ok() ? kExitOk : kExitConfig;
}

}  // namespace

int RunDoctor(const Config& config, const std::string& target) {
  const int ports = ExaminePorts(config, target);
  if (!target.empty()) return ports;
  const int storage = ExamineStorage(config);
  return ports != kExitOk ? ports : storage;
}

}  // namespace postern
