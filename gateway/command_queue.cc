#include "gateway/command_queue.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gateway/control_client.h"
#include "gateway/exit_code.h"
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
    if (!std::filesystem::exists(config.store_dir(), error) && !error) {
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

absl::Status Run(QueueAccess& queue, const QueueCommand& command, MessageId message, WallTime now) {
  if (command.verb == QueueVerb::kList) return PrintQueue(queue, command.json, now, PrintOut);
  if (command.verb == QueueVerb::kShow) {
    const absl::StatusOr<QueueEntryView> entry = queue.Show(message);
    if (!entry.ok()) return entry.status();
    PrintOut(command.json ? EntryJson(*entry) : EntryText(*entry, now));
    return absl::OkStatus();
  }
  const absl::Status status = command.verb == QueueVerb::kDelete  ? queue.Delete(message)
                              : command.verb == QueueVerb::kRetry ? queue.Retry(message)
                                                                  : queue.RetryAll();
  if (!status.ok()) return status;
  if (command.json) {
    PrintOut("{\"done\":true}\n");
  } else if (command.verb == QueueVerb::kDelete) {
    PrintOut(absl::StrCat(command.id, ": deleted\n"));
  } else {
    const std::string_view what = command.verb == QueueVerb::kRetry ? std::string_view(command.id) : "all messages";
    PrintOut(absl::StrCat(what, ": to be tried at once, or when a gateway runs\n"));
  }
  return absl::OkStatus();
}

}  // namespace

int RunQueue(const Config& config, const QueueCommand& command) {
  MessageId message;
  if (command.verb != QueueVerb::kList && command.verb != QueueVerb::kRetryAll) {
    const std::optional<MessageId> id = ParseMessageId(command.id);
    if (!id.has_value()) {
      return Fail(absl::InvalidArgumentError(absl::StrCat("\"", VisibleText(command.id, 80), "\": must be the id of a ",
                                                          "message, 13 letters and digits as `postern queue list` "
                                                          "shows it")));
    }
    message = *id;
  }
  // What root makes in the store could not be read by a gateway that runs as somebody else.
  if (IsSuperuser() && !config.user.empty()) {
    if (const absl::Status status = DropPrivileges(config.user); !status.ok()) return Fail(status);
  }
  const SystemClock clock;
  const absl::StatusOr<std::unique_ptr<QueueAccess>> queue = OpenQueue(config, clock);
  if (!queue.ok()) return Fail(queue.status());
  if (const absl::Status status = Run(**queue, command, message, clock.Wall()); !status.ok()) return Fail(status);
  return kExitOk;
}

}  // namespace postern
