#include "gateway/command_service.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/clock.h"
#include "gateway/command_serve.h"
#include "gateway/event_journal.h"
#include "gateway/events.h"
#include "gateway/exit_code.h"
#include "gateway/file_path.h"
#include "net/program.h"
#include "net/service.h"

namespace postern {
namespace {

// Beside the time that conversations have to end by themselves: for what is being relayed, and to seal the log.
constexpr Duration kStopMargin = std::chrono::seconds(30);

int Finish(const absl::Status& status, const std::string& done) {
  const std::string line = status.ok() ? absl::StrCat(done, "\n") : absl::StrCat("postern: ", status.message(), "\n");
  std::fwrite(line.data(), 1, line.size(), status.ok() ? stdout : stderr);
  switch (status.code()) {
    case absl::StatusCode::kOk: return kExitOk;
    case absl::StatusCode::kInvalidArgument: return kExitConfig;
    case absl::StatusCode::kPermissionDenied: return kExitNoPermission;
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kFailedPrecondition: return kExitUsage;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kNotFound: return kExitDataError;
    case absl::StatusCode::kDeadlineExceeded: return kExitTemporary;
    case absl::StatusCode::kUnavailable: return kExitUnavailable;
    default: return kExitOsError;
  }
}

// The system starts a service in a folder of the system's.
absl::Status CheckPath(const Config& config, uint32_t line, std::string_view key, const std::string& path) {
  if (FilePath(path).is_absolute()) return absl::OkStatus();
  const std::string text = absl::StrCat(key, " \"", path, "\": must be a whole path for a service, as \"C:/Postern\"");
  return absl::InvalidArgumentError(ConfigError{config.file, line, text}.ToString());
}

absl::Status CheckPaths(const Config& config) {
  if (const absl::Status status = CheckPath(config, 0, "data_dir", config.data_dir); !status.ok()) return status;
  for (const Route& route : config.routes) {
    if (route.kind != RouteKind::kMaildir) continue;
    const absl::Status status = CheckPath(config, route.way_line, "maildir", route.maildir);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Install(const Config& config, const ServiceCommand& command) {
  if (config.file.empty()) {
    return absl::InvalidArgumentError("a service needs a configuration of its own: name it with --config FILE");
  }
  if (const absl::Status status = CheckPaths(config); !status.ok()) return status;
  std::error_code error;
  const std::u8string file = std::filesystem::absolute(FilePath(config.file), error).u8string();
  return InstallService(
      {.name = command.name,
       .title = command.name == "Postern" ? command.name : absl::StrCat("Postern ", command.name),
       .about = "Takes mail in by SMTP, keeps it safe, and hands it on.",
       .command = {ProgramPath(), "service", "run", "--name", command.name, "--config",
                   std::string(file.begin(), file.end())},
       .account = command.account.empty() ? absl::StrCat("NT SERVICE\\", command.name) : command.account,
       .stop_time_max = config.shutdown_timeout + kStopMargin});
}

// Why a service has ended instead of starting, as far as its exit code tells.
std::string_view ReasonOf(int exit_code) {
  switch (exit_code) {
    case kExitUnavailable: return "another program has its port";
    case kExitTemporary: return "another process has its store";
    case kExitNoPermission: return "its account may not do what it must, such as write into data_dir";
    case kExitConfig: return "its configuration is wrong, or cannot be read";
    default: return "it could not start";
  }
}

int Start(const std::string& name) {
  const absl::StatusOr<int> code = BeginService(name);
  if (!code.ok() || *code == kExitOk) return Finish(code.status(), "started");
  Finish(
      absl::UnavailableError(absl::StrCat("service ", name, ": ", ReasonOf(*code), " (exit code ", *code,
                                          "); the Windows Event Log, source ", name, ", and DATA_DIR/events say more")),
      "");
  return *code;
}

// Nobody reads what a service writes to standard error.
void TellJournal(const std::string& name, const std::vector<ConfigError>& errors) {
  const SystemClock clock;
  EventLog events(clock, [&name](std::string_view line) {
    SendToJournal(line, [&name](const JournalEntry& entry) {
      WriteToJournal(name, entry.level, entry.number, std::string(entry.text));
    });
  });
  for (const ConfigError& error : errors) events.Write(Event::kCannotStart, {{"text", error.ToString()}});
}

}  // namespace

int RunService(const Config& config, const ServiceCommand& command) {
  const std::string& name = command.name;
  switch (command.verb) {
    case ServiceVerb::kInstall:
      return Finish(Install(config, command), "installed; `postern service start` starts it now");
    case ServiceVerb::kRemove: return Finish(RemoveService(name), "removed; its mail stays where it is");
    case ServiceVerb::kStart: return Start(name);
    case ServiceVerb::kStop: return Finish(EndService(name), "stopped");
  }
  return kExitUsage;
}

int RunAsService(const std::string& config_file, const std::string& name) {
  const absl::StatusOr<int> code = LiveAsService(name, [&](const std::function<void()>& started) {
    Config config;
    const std::vector<ConfigError> errors = LoadConfig(config_file, config);
    TellJournal(name, errors);
    return errors.empty() ? RunServe(config, {.name = name, .started = started}) : kExitConfig;
  });
  return code.ok() ? *code : Finish(code.status(), "");
}

}  // namespace postern
