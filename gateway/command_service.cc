#include "gateway/command_service.h"

#include <cstdio>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gateway/command_serve.h"
#include "gateway/exit_code.h"
#include "gateway/file_path.h"
#include "net/program.h"
#include "net/service.h"

namespace postern {
namespace {

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

absl::Status Install(const Config& config, const ServiceCommand& command) {
  if (config.file.empty()) {
    return absl::InvalidArgumentError("a service needs a configuration of its own: name it with --config FILE");
  }
  // The system starts a service in a folder of the system's.
  if (!FilePath(config.data_dir).is_absolute()) {
    return absl::InvalidArgumentError(absl::StrCat(config.file, ": data_dir \"", config.data_dir,
                                                   "\": must be a whole path for a service, as \"C:/Postern\""));
  }
  std::error_code error;
  const std::u8string file = std::filesystem::absolute(FilePath(config.file), error).u8string();
  return InstallService({.name = command.name,
                         .title = command.name == "Postern" ? command.name : absl::StrCat("Postern ", command.name),
                         .about = "Takes mail in by SMTP, keeps it safe, and hands it on.",
                         .command = {ProgramPath(), "service", "run", "--name", command.name, "--config",
                                     std::string(file.begin(), file.end())},
                         .account = command.account});
}

}  // namespace

int RunService(const Config& config, const ServiceCommand& command) {
  const std::string& name = command.name;
  switch (command.verb) {
    case ServiceVerb::kInstall:
      return Finish(Install(config, command), absl::StrCat("installed; `postern service start` starts it now"));
    case ServiceVerb::kRemove: return Finish(RemoveService(name), "removed; its mail stays where it is");
    case ServiceVerb::kStart: return Finish(BeginService(name), "started");
    case ServiceVerb::kStop: return Finish(EndService(name), "stopped");
    case ServiceVerb::kRun: {
      const absl::StatusOr<int> code = LiveAsService(name, [&] { return RunServe(config, name); });
      return code.ok() ? *code : Finish(code.status(), "");
    }
  }
  return kExitUsage;
}

}  // namespace postern
