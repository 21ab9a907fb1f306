#include "gateway/command_fsck.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gateway/exit_code.h"
#include "gateway/fsck_report.h"
#include "gateway/store_check.h"
#include "net/host.h"
#include "store/file.h"

namespace postern {
namespace {

void Print(std::string_view text, std::FILE* to) { std::fwrite(text.data(), 1, text.size(), to); }

absl::StatusOr<StoreCheck> Check(const Config& config, bool repair) {
  // What root makes in the store could not be read by a gateway that runs as somebody else.
  if (IsSuperuser() && !config.user.empty()) {
    if (absl::Status status = DropPrivileges(config.user); !status.ok()) return status;
  }
  std::error_code error;
  if (!std::filesystem::exists(config.store_dir(), error) && !error) {
    return absl::NotFoundError(absl::StrCat(config.store_dir(), ": there is no such folder, so there is no queue. ",
                                            config.file.empty() ? "Name the gateway's configuration with --config FILE"
                                                                : "Is it the right configuration?"));
  }
  const absl::StatusOr<std::unique_ptr<Directory>> root = OpenDirectory(config.store_dir());
  if (!root.ok()) return root.status();
  return CheckStore(**root, repair);
}

int Fail(const absl::Status& error) {
  Print(absl::StrCat("postern fsck: ", error.message(), "\n"), stderr);
  switch (error.code()) {
    case absl::StatusCode::kNotFound: return kExitNoInput;
    case absl::StatusCode::kFailedPrecondition: return kExitTemporary;
    case absl::StatusCode::kPermissionDenied: return kExitNoPermission;
    case absl::StatusCode::kResourceExhausted: return kExitCannotCreate;
    default: return kExitIoError;
  }
}

}  // namespace

int RunFsck(const Config& config, const FsckCommand& command) {
  const absl::StatusOr<StoreCheck> store = Check(config, command.repair);
  if (!store.ok()) return Fail(store.status());
  Print(command.json ? FsckJson(*store) : FsckText(*store), stdout);
  if (store->fault_count() == 0) return kExitOk;
  if (!command.repair && !command.json) {
    Print("`postern fsck --repair` sets damaged pieces aside, so that the next start finds none\n", stdout);
  }
  return kExitDataError;
}

}  // namespace postern
