#include "net/dialog.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "net/socket.h"

namespace postern {
namespace {

constexpr size_t kLineSizeMax = 2048;

MonotonicTime Now() { return SystemClock().Monotonic(); }

}  // namespace

Dialog::Dialog(Dialog&& other) noexcept
    : poller_(std::move(other.poller_)),
      socket_(std::exchange(other.socket_, Socket{})),
      input_(std::move(other.input_)) {}

Dialog::~Dialog() {
  if (!socket_.valid()) return;
  Op close;
  close.kind = OpKind::kClose;
  close.socket = socket_;
  (void)Await(close, kNever);
}

absl::StatusOr<size_t> Dialog::Await(Op& op, MonotonicTime deadline) const {
  poller_->Start(op);
  bool cancelled = false;
  for (std::vector<Op*> done; done.empty();) {
    const Duration left = deadline - Now();
    if (left <= Duration::zero() && !std::exchange(cancelled, true)) poller_->Cancel(op);
    // Once cancelled it comes home soon; before that it is not ours again.
    poller_->Wait(cancelled ? std::chrono::seconds(1) : left, done);
  }
  if (op.result >= 0) return static_cast<size_t>(op.result);
  if (op.error == NetError::kCancelled) return absl::DeadlineExceededError("no answer in time");
  return absl::UnavailableError(SystemErrorText(op.system_code));
}

absl::StatusOr<Dialog> Dialog::Connect(const SocketAddress& server, MonotonicTime deadline) {
  const SocketResult made = SystemSockets().MakeFor(server);
  if (!made.socket.valid()) return absl::UnavailableError(made.what);
  Dialog dialog(made.socket);
  Op connect{.kind = OpKind::kConnect, .socket = made.socket, .connect_to = &server};
  if (const absl::Status status = dialog.Await(connect, deadline).status(); !status.ok()) {
    return absl::UnavailableError(status.message());
  }
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
    char buffer[kLineSizeMax];
    Op recv{.kind = OpKind::kRecv, .socket = socket_, .recv_data = buffer, .size = sizeof buffer};
    const absl::StatusOr<size_t> size = Await(recv, deadline);
    if (!size.ok()) return size.status();
    if (*size == 0) return absl::OutOfRangeError("the connection was closed");
    input_.append(buffer, *size);
  }
}

absl::Status Dialog::Write(std::string_view text, MonotonicTime deadline) {
  while (!text.empty()) {
    Op send{.kind = OpKind::kSend, .socket = socket_, .send_data = text.data(), .size = text.size()};
    const absl::StatusOr<size_t> size = Await(send, deadline);
    if (!size.ok()) return size.status();
    text.remove_prefix(*size);
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
