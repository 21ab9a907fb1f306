#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "net/dialog.h"
#include "net/socket.h"
#include "net/socket_posix.h"

namespace postern {
namespace {

constexpr size_t kLineSizeMax = 2048;

MonotonicTime Now() { return SystemClock().Monotonic(); }

absl::Status Lost(int code) { return absl::UnavailableError(SystemErrorText(code)); }

}  // namespace

Dialog::Dialog(Dialog&& other) noexcept
    : socket_(std::exchange(other.socket_, Socket{})), input_(std::move(other.input_)) {}

Dialog::~Dialog() {
  if (socket_.valid()) ::close(static_cast<int>(socket_.handle));
}

absl::Status Dialog::Await(bool output, MonotonicTime deadline) const {
  for (;;) {
    pollfd waiting{
        .fd = static_cast<int>(socket_.handle), .events = static_cast<short>(output ? POLLOUT : POLLIN), .revents = 0};
    const int64_t left_ns = std::max<int64_t>(0, (deadline - Now()).count());
    const int count = ::poll(&waiting, 1, static_cast<int>(std::min<int64_t>((left_ns + 999'999) / 1'000'000, 60'000)));
    if (count > 0) return absl::OkStatus();
    if (count < 0 && errno != EINTR) return Lost(errno);
    if (Now() >= deadline) return absl::DeadlineExceededError("no answer in time");
  }
}

absl::StatusOr<Dialog> Dialog::Connect(const SocketAddress& server, MonotonicTime deadline) {
  const SocketResult made = SystemSockets().MakeFor(server);
  if (!made.socket.valid()) return absl::UnavailableError(made.what);
  Dialog dialog(made.socket);
  if (ConnectSocket(made.socket, server)) return dialog;
  if (errno != EINPROGRESS) return Lost(errno);
  if (absl::Status status = dialog.Await(/*output=*/true, deadline); !status.ok()) {
    return absl::UnavailableError(status.message());
  }
  if (const int code = ConnectOutcome(made.socket); code != 0) return Lost(code);
  return dialog;
}

absl::StatusOr<std::string> Dialog::ReadLine(MonotonicTime deadline) {
  for (;;) {
    const size_t end = input_.find('\n');
    if (end != std::string::npos || input_.size() >= kLineSizeMax) {
      std::string line = input_.substr(0, std::min(end, kLineSizeMax));
      input_.erase(0, end == std::string::npos ? input_.size() : end + 1);
      while (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    if (absl::Status status = Await(/*output=*/false, deadline); !status.ok()) return status;
    char buffer[kLineSizeMax];
    const ssize_t size = ::recv(static_cast<int>(socket_.handle), buffer, sizeof buffer, 0);
    if (size > 0) {
      input_.append(buffer, static_cast<size_t>(size));
    } else if (size == 0) {
      return absl::OutOfRangeError("the connection was closed");
    } else if (errno != EAGAIN && errno != EINTR) {
      return Lost(errno);
    }
  }
}

absl::Status Dialog::Write(std::string_view text, MonotonicTime deadline) {
  while (!text.empty()) {
    if (absl::Status status = Await(/*output=*/true, deadline); !status.ok()) return status;
    const ssize_t size = ::send(static_cast<int>(socket_.handle), text.data(), text.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      text.remove_prefix(static_cast<size_t>(size));
    } else if (errno != EAGAIN && errno != EINTR) {
      return Lost(errno);
    }
  }
  return absl::OkStatus();
}

std::string ReadGreeting(const SocketAddress& server, Duration wait_max) {
  SocketAddress reachable = server;
  if (server.ip.IsWildcard()) {
    reachable.ip = *IpAddress::Parse(server.family() == AddressFamily::kIPv6 ? "::1" : "127.0.0.1");
  }
  const MonotonicTime deadline = Now() + wait_max;
  absl::StatusOr<Dialog> dialog = Dialog::Connect(reachable, deadline);
  if (!dialog.ok()) return "";
  return dialog->ReadLine(deadline).value_or("");
}

}  // namespace postern
