// bench/load: loads any SMTP server, and tells how fast it is. What it can do is in `load --help`.

#include <chrono>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/load/load_run.h"
#include "bench/load/mail.h"
#include "bench/load/options.h"
#include "bench/load/report.h"
#include "bench/load/report_html.h"
#include "bench/load/report_json.h"
#include "bench/load/report_text.h"
#include "bench/load/target.h"
#include "core/clock.h"
#include "gateway/exit_code.h"
#include "net/host.h"

namespace postern {
namespace {

constexpr int kExitNotAllTaken = 1;
constexpr uint64_t kOtherDescriptors = 64;  // pollers, files, what the system has open

int Fail(int code, std::string_view why) {
  const std::string text = absl::StrCat("load: ", why, "\n");
  std::fwrite(text.data(), 1, text.size(), stderr);
  return code;
}

absl::StatusOr<std::vector<Mail>> MakeMails(const LoadOptions& options) {
  std::random_device random;
  const Mail::Header header{.from = options.from,
                            .to = options.Recipients().front(),
                            .date = SystemClock().Wall(),
                            .run = static_cast<uint64_t>(random()) << 32 | random()};
  std::vector<Mail> mails;
  for (const Mix::Part& part : options.mix.parts()) {
    absl::StatusOr<Mail> mail = Mail::Make(header, part.size);
    if (!mail.ok()) return mail.status();
    mails.push_back(*std::move(mail));
  }
  return mails;
}

int Tell(const LoadReport& report) {
  const std::string text = report.options.json ? ReportJson(report) : ReportText(report);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  const std::string& name = report.options.report_file;
  if (!name.empty()) {
    std::ofstream file(name, std::ios::binary);
    file << ReportHtml(report);
    file.close();
    if (!file) return Fail(kExitCannotCreate, absl::StrCat(name, ": cannot be written"));
  }
  return report.all_taken() ? kExitOk : kExitNotAllTaken;
}

int Run(LoadOptions options) {
  const absl::StatusOr<SocketAddress> address = FindTarget(options.target);
  if (!address.ok()) return Fail(kExitUnavailable, address.status().message());
  options.address = *address;
  const bool near = address->family() == AddressFamily::kIPv4 && address->ip.bytes[0] == 127;
  if (options.source_count > 0 && !near) {
    return Fail(kExitUsage, "--sources are addresses of 127/8: the target must be one as well");
  }
  const uint64_t descriptors_wanted = options.connection_count + options.idle_count + kOtherDescriptors;
  if (const uint64_t granted = RaiseDescriptorLimit(); granted < descriptors_wanted) {
    return Fail(kExitOsError, absl::StrCat("so many connections take ", descriptors_wanted, " descriptors, and ",
                                           granted, " are granted: raise the limit (ulimit -n), or ask for fewer"));
  }
  absl::StatusOr<std::vector<Mail>> mails = MakeMails(options);
  if (!mails.ok()) return Fail(kExitUsage, mails.status().message());
  const absl::StatusOr<std::string> greeting = ReadServerGreeting(*address, options.timeout);
  if (!greeting.ok()) {
    return Fail(kExitUnavailable,
                absl::StrCat("nobody answers at ", options.target, ": ", greeting.status().message()));
  }

  CatchSignals();
  LoadRun run(options, *std::move(mails));
  LoadReport report = run.Run();
  report.greeting = *greeting;
  return Tell(report);
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  const auto parsed = postern::ParseOptions(argc, argv);
  if (const int* const code = std::get_if<int>(&parsed)) return *code;
  return postern::Run(std::get<postern::LoadOptions>(parsed));
}
