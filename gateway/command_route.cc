#include "gateway/command_route.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/clock.h"
#include "gateway/exit_code.h"
#include "gateway/own_address.h"
#include "gateway/route_check.h"
#include "gateway/route_explainer.h"
#include "gateway/route_explanation.h"
#include "gateway/visible_text.h"
#include "net/dns_client_ares.h"
#include "net/host.h"
#include "net/poller.h"
#include "smtp/address.h"

namespace postern {
namespace {

constexpr Duration kWaitMax = std::chrono::milliseconds(100);  // between two looks at the clock
constexpr Duration kCloseTimeMax = std::chrono::seconds(1);

// A DnsClient with a poller of its own, driven by whoever waits for it.
class LoneDns {
 public:
  explicit LoneDns(const DnsConfig& config)
      : poller_(MakeSystemPoller()),
        client_(MakeDnsClient(
            {.servers = config.servers, .timeout = config.timeout, .try_count = static_cast<int>(config.tries)},
            *poller_, clock_)) {}

  DnsClient& client() { return *client_; }

  // Waits for something to happen, until `until` at the latest; what time it is then.
  MonotonicTime Wait(MonotonicTime until) {
    const Duration left = std::max(until, clock_.Monotonic()) - clock_.Monotonic();
    poller_->Wait(std::clamp(left, Duration::zero(), kWaitMax), done_);
    for (Op* const op : std::exchange(done_, {})) op->done(*op);
    return clock_.Monotonic();
  }

  // All questions come home. Before whoever asked them goes.
  void Close() {
    client_->Close();
    const MonotonicTime deadline = clock_.Monotonic() + kCloseTimeMax;
    for (MonotonicTime now = clock_.Monotonic(); !client_->closed() && now < deadline;) {
      client_->Turn(now);
      now = Wait(now);
    }
  }

 private:
  const SystemClock clock_;
  const std::unique_ptr<Poller> poller_;
  const std::unique_ptr<DnsClient> client_;
  std::vector<Op*> done_;
};

bool IsRecipient(std::string_view address) {
  const std::string path = absl::StrCat("<", address, ">");
  const ParsedPath parsed = ParseForwardPath(path);
  return parsed.error == AddressError::kNone && parsed.size == path.size() && parsed.path.mailbox == address;
}

int ExitCodeOf(RouteExplanation::Verdict verdict) {
  switch (verdict) {
    case RouteExplanation::Verdict::kGoes: return kExitOk;
    case RouteExplanation::Verdict::kWaits: return kExitTemporary;
    case RouteExplanation::Verdict::kRefused: return kExitUnavailable;
  }
  return kExitOk;
}

void Print(std::string_view text, std::FILE* file) { std::fwrite(text.data(), 1, text.size(), file); }

// A socket that is not there is told, and its mail waits.
void NoteTrouble(const std::vector<RouteTrouble>& troubles, RouteExplanation& explanation) {
  for (const RouteTrouble& trouble : troubles) {
    if (explanation.route == nullptr || trouble.route->match != explanation.route->match) continue;
    explanation.verdict = RouteExplanation::Verdict::kWaits;
    explanation.text = absl::StrCat(trouble.host, " ", trouble.text);
  }
}

}  // namespace

int RunRoute(const Config& config, const RouteCommand& command) {
  for (const std::string& address : command.addresses) {
    if (IsRecipient(address)) continue;
    Print(absl::StrCat("postern route: \"", VisibleText(address), "\" is no address: write it as kim@example.org\n"),
          stderr);
    return kExitUsage;
  }
  absl::StatusOr<RouteTable> routes = RouteTable::Create(config.routes);
  if (!routes.ok()) {
    Print(absl::StrCat("postern route: ", routes.status().message(), "\n"), stderr);
    return kExitConfig;
  }
  const std::vector<RouteTrouble> troubles = CheckRoutes(config);
  LoneDns dns(config.dns);
  RouteExplainer explainer(config, *routes, OwnAddresses(config, MachineAddresses()), dns.client(),
                           [&dns](MonotonicTime until) { return dns.Wait(until); });
  int code = kExitOk;
  Json json = {{"addresses", Json::array()}};
  for (const std::string& address : command.addresses) {
    RouteExplanation explanation = explainer.Explain(address);
    NoteTrouble(troubles, explanation);
    // One that is refused weighs more than one that waits.
    if (code != kExitUnavailable && explanation.verdict != RouteExplanation::Verdict::kGoes) {
      code = ExitCodeOf(explanation.verdict);
    }
    if (command.json) {
      json["addresses"].push_back(ToJson(explanation, config.file));
    } else {
      Print(ToText(explanation, config.file), stdout);
    }
  }
  if (command.json) Print(absl::StrCat(ToLine(json), "\n"), stdout);
  dns.Close();
  return code;
}

}  // namespace postern
