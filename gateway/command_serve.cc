#include "gateway/command_serve.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gateway/crash_handler.h"
#include "gateway/event_buffer.h"
#include "gateway/event_file.h"
#include "gateway/event_journal.h"
#include "gateway/events.h"
#include "gateway/exit_code.h"
#include "gateway/gateway.h"
#include "gateway/port_claim.h"
#include "gateway/port_diagnosis.h"
#include "gateway/route_check.h"
#include "gateway/threads.h"
#include "gateway/version.h"
#include "net/host.h"
#include "net/local_door.h"
#include "net/poller.h"
#include "net/service.h"
#include "net/socket.h"
#include "store/file.h"

namespace postern {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(250);  // for signals, a port that came free, the disk
constexpr Duration kDrainTick = std::chrono::milliseconds(10);
constexpr Duration kRefusalReminder = std::chrono::minutes(1);  // while a port is not ours
constexpr int kControlBacklog = 16;
// A pipe that nobody reads holds up nobody: after this the lines are dropped, and counted.
constexpr Duration kEventPatience = std::chrono::seconds(1);

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition: return kExitTemporary;  // another process has the store
    case absl::StatusCode::kPermissionDenied: return kExitNoPermission;
    case absl::StatusCode::kInvalidArgument: return kExitConfig;
    default: return kExitIoError;
  }
}

// 128 bits that nobody guesses: whoever shows them in HELP is this process.
std::string MakeIdentity() {
  std::random_device random;
  std::string identity;
  for (int i = 0; i < 4; ++i) absl::StrAppendFormat(&identity, "%08x", random());
  return identity;
}

// One run of the gateway, as main lives it: claim the ports, become who we shall be, open, serve, drain.
class Service {
 public:
  Service(const Config& config, const ServiceRole& role)
      : config_(config), role_(role), claim_(ListenAddresses(config), SystemSockets()) {}

  int Run() {
    const int code = RunUntilStopped();
    lines_.Flush();
    return code;
  }

 private:
  int RunUntilStopped() {
    CatchSignals();  // before any thread is started, so that they all leave signals to us
    InstallCrashHandler();
    if (const int code = FirstClaim(); code != kExitOk) return code;
    CheckDescriptors();
    if (const absl::Status status = BecomeUser(); !status.ok()) return Fail(status);
    const World world{
        .clock = clock_,
        .make_poller = MakeSystemPoller,
        .make_dns = [this](const DnsOptions& options,
                           Poller& poller) { return MakeDnsClient(options, poller, clock_); },
        .open_directory = OpenDirectory,
        .addresses = MachineAddresses(),
        .seed = std::random_device()(),
        .watch_crashes = WatchCrashes,
    };
    absl::StatusOr<std::unique_ptr<Gateway>> gateway = Gateway::Open(config_, world, events_, MakeIdentity());
    if (!gateway.ok()) return Fail(gateway.status());
    const absl::StatusOr<LocalDoor> control = OpenLocalDoor(config_.control_socket(), kControlBacklog);
    if (!control.ok()) return Fail(control.status());
    (*gateway)->ListenControl(control->listening, control->key);
    Serve(**gateway);
    const bool poisoned = (*gateway)->poisoned();
    events_.Write(Event::kStopped, {{"pid", absl::StrCat(ProcessId())},
                                    {"text", poisoned ? "a write or sync of the log had failed: look at the disk"
                                                      : "the log is sealed"}});
    return poisoned ? kExitIoError : kExitOk;
  }

  // Another program's hold may be waited out, if that is wished; nothing else goes away by itself.
  int FirstClaim() {
    const std::vector<PortClaim::Refusal> refusals = claim_.TryClaim();
    TellRefusals(refusals);
    if (refusals.empty()) DropBindRight();
    for (const PortClaim::Refusal& refusal : refusals) {
      if (refusal.result.error == NetError::kNoPermission) return kExitNoPermission;
      if (refusal.result.error != NetError::kAddressInUse) return kExitOsError;
      if (config_.on_port_conflict == PortConflict::kFail) return kExitUnavailable;
    }
    return kExitOk;
  }

  void ClaimAgain() {
    const std::vector<PortClaim::Refusal> refusals = claim_.TryClaim();
    if (refusals.empty()) {
      DropBindRight();
      return events_.Write(Event::kStarted,
                           {{"listen", claim_.ToString()}, {"text", "the port is free and is ours now"}});
    }
    if (clock_.Monotonic() >= tell_refusals_at_) TellRefusals(refusals);
  }

  void TellRefusals(const std::vector<PortClaim::Refusal>& refusals) {
    const MonotonicTime greeting_deadline = clock_.Monotonic() + kGreetingWaitMax;
    for (const PortClaim::Refusal& refusal : refusals) {
      const PortDiagnosis diagnosis = DiagnosePort(refusal.address, refusal.result, greeting_deadline);
      const bool waits = diagnosis.error == NetError::kAddressInUse && config_.on_port_conflict != PortConflict::kFail;
      events_.Write(Event::kCannotBind, {{"address", refusal.address.ToString()},
                                         {"text", refusal.result.what},
                                         {"then", waits ? "relays what is queued, and waits for the port" : "ends"}});
      Say(diagnosis.ToString());
    }
    tell_refusals_at_ = clock_.Monotonic() + kRefusalReminder;
  }

  // A connection that is relayed at once needs two; the log, the mailboxes and the listeners some hundred.
  void CheckDescriptors() {
    const uint64_t have = RaiseDescriptorLimit();
    const uint64_t want = uint64_t{config_.limits.connections} + config_.relay.attempts + 256;
    if (have >= want) return;
    Say(absl::StrCat("postern: ", have,
                     " descriptors are allowed, and limits.connections = ", config_.limits.connections, " may need ",
                     want, ": raise the limit (ulimit -n, or LimitNOFILE=), or clients will wait\n"));
  }

  absl::Status BecomeUser() {
    if (config_.user.empty() || !IsSuperuser()) return absl::OkStatus();
    return DropPrivileges(config_.user, claim_.complete() ? BindRight::kDrop : BindRight::kKeep);
  }

  int Fail(const absl::Status& status) {
    events_.Write(Event::kCannotStart, {{"text", status.message()}});
    Say(absl::StrCat("postern: ", status.message(), "\n"));
    return ExitCodeOf(status);
  }

  void Serve(Gateway& gateway) {
    const Threads threads(gateway, lines_);
    ListenOnClaimed(gateway);
    events_.Write(Event::kStarted, {{"version", kVersion},
                                    {"pid", absl::StrCat(ProcessId())},
                                    {"host", config_.hostname},
                                    {"listen", claim_.ToString()},
                                    {"transfer", ToText(config_.transfer)},
                                    {"data_dir", config_.data_dir},
                                    {"queued", absl::StrCat(gateway.queued_at_start())}});
    WarnOfRoutes();
    lines_.Flush();
    role_.started();
    for (;;) {
      if (WaitForSignal(kTick) == Signal::kStop) break;
      if (!claim_.complete()) {
        ClaimAgain();
        ListenOnClaimed(gateway);
      }
      gateway.Watch();
    }
    while (!gateway.Drain()) WaitForSignal(kDrainTick);
  }

  // A route that leads nowhere now keeps nobody from starting: its mail waits (imc.md: Q148565).
  void WarnOfRoutes() {
    for (const RouteTrouble& trouble : CheckRoutes(config_)) {
      events_.Write(
          Event::kConnectFailed,
          {{"dir", "out"}, {"destination", trouble.route->match}, {"host", trouble.host}, {"text", trouble.text}});
    }
  }

  void ListenOnClaimed(Gateway& gateway) {
    for (const Socket listening : claim_.TakeClaimed()) gateway.Listen(listening);
  }

  // For people, between the event lines.
  void Say(std::string_view text) { lines_.Put(text); }

  bool PutOut(std::string_view lines) {
    if (role_.name.empty()) return WriteToStandardError(lines, kEventPatience);
    SendToJournal(lines, [this](const JournalEntry& entry) {
      WriteToJournal(role_.name, entry.level, entry.number, std::string(entry.text));
    });
    return event_file_.Write(lines);
  }

  const Config& config_;
  const ServiceRole& role_;
  const SystemClock clock_;
  EventFile event_file_{config_.event_dir(), clock_};
  EventBuffer lines_{[this](std::string_view lines) { return PutOut(lines); }};
  EventLog events_{clock_, [this](std::string_view line) { lines_.Put(line); }};
  PortClaim claim_;
  MonotonicTime tell_refusals_at_;
};

}  // namespace

int RunServe(const Config& config, const ServiceRole& role) { return Service(config, role).Run(); }

}  // namespace postern
