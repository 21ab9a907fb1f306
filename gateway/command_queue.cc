#include "gateway/command_queue.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <ios>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gateway/control_client.h"
#include "gateway/exit_code.h"
#include "gateway/file_path.h"
#include "gateway/offline_queue.h"
#include "gateway/queue_presentation.h"
#include "gateway/visible_text.h"
#include "net/host.h"
#include "store/file.h"

namespace postern {
namespace {

// A gateway that starts or stops has the store for a moment and no socket.
constexpr Duration kBetweenPatience = std::chrono::seconds(10);
constexpr Duration kBetweenPause = std::chrono::milliseconds(50);

void PrintOut(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int Fail(const absl::Status& error) {
  const std::string line = absl::StrCat("postern: ", error.message(), "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound: return kExitDataError;
    case absl::StatusCode::kFailedPrecondition: return kExitNoInput;
    case absl::StatusCode::kPermissionDenied: return kExitNoPermission;
    case absl::StatusCode::kResourceExhausted: return kExitCannotCreate;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded: return kExitTemporary;
    default: return kExitIoError;
  }
}

absl::StatusOr<std::unique_ptr<QueueAccess>> OpenQueue(const Config& config, const Clock& clock) {
  const MonotonicTime deadline = clock.Monotonic() + kBetweenPatience;
  for (;;) {
    absl::StatusOr<std::unique_ptr<ControlClient>> client = ControlClient::Connect(config.control_socket(), clock);
    if (client.ok()) return *std::move(client);
    if (!absl::IsNotFound(client.status())) return client.status();

    std::error_code error;
    if (!std::filesystem::exists(FilePath(config.store_dir()), error) && !error) {
      return absl::FailedPreconditionError(absl::StrCat(
          config.store_dir(), ": there is no such folder; no gateway has ever run with this data_dir. ",
          config.file.empty() ? "Name its configuration with --config FILE" : "Is it the right configuration?"));
    }
    absl::StatusOr<std::unique_ptr<OfflineQueue>> offline = OfflineQueue::Open(config, OpenDirectory, clock);
    if (offline.ok()) return *std::move(offline);
    if (!absl::IsFailedPrecondition(offline.status())) return offline.status();
    if (clock.Monotonic() >= deadline) {
      return absl::UnavailableError(absl::StrCat(offline.status().message(), " (", client.status().message(), ")"));
    }
    std::this_thread::sleep_for(kBetweenPause);
  }
}

absl::StatusOr<MessageId> ParseTarget(const std::string& id) {
  if (const std::optional<MessageId> message = ParseMessageId(id); message.has_value()) return *message;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", VisibleText(id, 80),
      "\": must be the id of a message, 13 letters and digits as `postern queue list --messages` shows it"));
}

// Where an exported message goes. The file is made when the first bytes come, so that a message that is not there
// neither leaves an empty one nor empties an older one.
class ExportFile {
 public:
  explicit ExportFile(const std::string& path) : path_(path) {}

  absl::Status Write(std::string_view bytes) {
    if (path_.empty()) return StatusOf(std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size());
    Open();
    return StatusOf(file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).good());
  }
  // The message has come to its end.
  absl::Status Close() {
    if (path_.empty()) return StatusOf(std::fflush(stdout) == 0);
    Open();
    file_.close();
    return StatusOf(file_.good());
  }

 private:
  void Open() {
    if (!file_.is_open()) file_.open(FilePath(path_), std::ios::binary);
  }
  absl::Status StatusOf(bool done) const { return done ? absl::OkStatus() : Failure(); }
  absl::Status Failure() const { return absl::ErrnoToStatus(errno, path_.empty() ? "standard output" : path_); }

  const std::string path_;
  std::ofstream file_;
};

absl::Status Show(QueueAccess& queue, const QueueCommand& command, WallTime now) {
  const absl::StatusOr<MessageId> message = ParseTarget(command.targets.at(0));
  if (!message.ok()) return message.status();
  const absl::StatusOr<QueueEntryView> entry = queue.Show(*message);
  if (!entry.ok()) return entry.status();
  PrintOut(command.json ? EntryJson(*entry) : EntryText(*entry, now));
  return absl::OkStatus();
}

absl::StatusOr<ActResult> Act(QueueAccess& queue, QueueAction action, const std::optional<std::string>& target) {
  // One word decides: what is the id of a message is meant as one.
  if (target.has_value()) {
    if (const std::optional<MessageId> message = ParseMessageId(*target); message.has_value()) {
      return queue.Act(action, *message);
    }
  }
  return queue.ActOnAll(action, target);
}

// All targets are tried, whatever becomes of one; the first failure counts.
int ActOnTargets(QueueAccess& queue, const QueueCommand& command) {
  std::vector<std::optional<std::string>> targets(command.targets.begin(), command.targets.end());
  if (command.all) targets.emplace_back();
  int code = kExitOk;
  for (const std::optional<std::string>& target : targets) {
    const absl::StatusOr<ActResult> result = Act(queue, command.action, target);
    if (!result.ok()) {
      const int failure = Fail(result.status());
      if (code == kExitOk) code = failure;
      continue;
    }
    PrintOut(command.json ? ResultJson(*result, target) : ResultText(command.action, *result, target));
  }
  return code;
}

absl::Status List(QueueAccess& queue, const QueueCommand& command, WallTime now) {
  std::optional<std::string> destination;
  if (!command.targets.empty()) destination = command.targets.front();
  if (!command.messages && !destination.has_value()) return PrintDestinations(queue, command.json, now, PrintOut);
  return PrintMessages(queue, destination, command.json, now, PrintOut);
}

// What root makes in the store could not be read by a gateway that runs as somebody else.
bool MustDropPrivileges(const Config& config) { return IsSuperuser() && !config.user.empty(); }

absl::StatusOr<std::unique_ptr<QueueAccess>> OpenQueueAsUser(const Config& config, const Clock& clock) {
  if (MustDropPrivileges(config)) {
    if (absl::Status status = DropPrivileges(config.user); !status.ok()) return status;
  }
  return OpenQueue(config, clock);
}

absl::Status Export(const Config& config, MessageId message,
                    absl::FunctionRef<absl::Status(std::string_view bytes)> write) {
  const SystemClock clock;
  const absl::StatusOr<std::unique_ptr<QueueAccess>> queue = OpenQueueAsUser(config, clock);
  return queue.ok() ? (*queue)->Export(message, write) : queue.status();
}

// The file is the operator's own, and is made with his rights; so the store is read by another process, which drops
// them.
int ExportApart(const Config& config, MessageId message, ExportFile& file) {
  absl::Status written;
  const auto read = [&](ByteSink write) {
    const absl::Status status = Export(config, message, [&write](std::string_view bytes) {
      return write(bytes) ? absl::OkStatus() : absl::CancelledError("our other half says why");
    });
    if (absl::IsCancelled(status)) return kExitIoError;
    return status.ok() ? kExitOk : Fail(status);
  };
  const absl::StatusOr<int> code = RunApart(read, [&](std::string_view bytes) {
    written = file.Write(bytes);
    return written.ok();
  });
  if (!code.ok()) return Fail(code.status());
  if (*code == kExitOk) written = file.Close();
  return written.ok() ? *code : Fail(written);
}

int RunExport(const Config& config, const QueueCommand& command) {
  const absl::StatusOr<MessageId> message = ParseTarget(command.targets.at(0));
  if (!message.ok()) return Fail(message.status());
  ExportFile file(command.output);
  if (MustDropPrivileges(config)) return ExportApart(config, *message, file);
  absl::Status status = Export(config, *message, [&file](std::string_view bytes) { return file.Write(bytes); });
  if (status.ok()) status = file.Close();
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace

int RunQueue(const Config& config, const QueueCommand& command) {
  if (command.verb == QueueVerb::kExport) return RunExport(config, command);
  const SystemClock clock;
  const absl::StatusOr<std::unique_ptr<QueueAccess>> queue = OpenQueueAsUser(config, clock);
  if (!queue.ok()) return Fail(queue.status());
  if (command.verb == QueueVerb::kAct) return ActOnTargets(**queue, command);
  const WallTime now = clock.Wall();
  const absl::Status status =
      command.verb == QueueVerb::kList ? List(**queue, command, now) : Show(**queue, command, now);
  return status.ok() ? kExitOk : Fail(status);
}

}  // namespace postern
