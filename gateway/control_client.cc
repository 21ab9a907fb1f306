#include "gateway/control_client.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "net/socket.h"

namespace postern {
namespace {

constexpr Duration kConnectPatience = std::chrono::seconds(5);

absl::Status ConnectFailure(const std::string& path, const Connection& connection) {
  const std::string what = absl::StrCat(path, ": ", SystemErrorText(connection.system_code()));
  switch (connection.error()) {
    case NetError::kRefused: return absl::NotFoundError(absl::StrCat(what, "; no gateway listens there any more"));
    case NetError::kNoPermission:
      return absl::PermissionDeniedError(absl::StrCat(what, "; only the gateway's own user and root may use it"));
    default: return absl::UnavailableError(what);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControlClient>> ControlClient::Connect(const std::string& socket_path,
                                                                      const Clock& clock) {
  std::error_code error;
  if (std::filesystem::status(socket_path, error).type() == std::filesystem::file_type::not_found) {
    return absl::NotFoundError(absl::StrCat(socket_path, ": there is no such socket; no gateway runs"));
  }
  auto client = std::unique_ptr<ControlClient>(new ControlClient(clock));
  client->closed_ = false;
  client->connection_.StartConnect(client->reactor_, client->lender_, *client, SocketAddress::Unix(socket_path));
  const MonotonicTime deadline = clock.Monotonic() + kConnectPatience;
  while (!client->connected_ && !client->closed_) {
    if (clock.Monotonic() >= deadline) {
      return absl::UnavailableError(absl::StrCat(socket_path, ": the gateway takes no connection"));
    }
    client->reactor_.Turn(std::chrono::milliseconds(100));
  }
  if (client->closed_) return ConnectFailure(socket_path, client->connection_);
  return client;
}

ControlClient::ControlClient(const Clock& clock)
    : poller_(MakeSystemPoller()), reactor_(*poller_, clock), lender_(reactor_, 1) {}

ControlClient::~ControlClient() {
  if (!closed_) connection_.Abort();
  while (!closed_) reactor_.Turn(std::chrono::milliseconds(100));
}

void ControlClient::HandleInput(Connection& connection) {
  RingBuffer& input = connection.input();
  while (!input.empty()) {
    const std::string_view bytes = input.Peek();
    reply_ += bytes;
    input.Consume(bytes.size());
  }
}

void ControlClient::HandlePeerEnd(Connection& connection) { connection.Abort(); }

absl::StatusOr<std::string> ControlClient::Ask(const ControlRequest& request) {
  reply_.clear();
  connection_.output() += EncodeRequest(request);
  connection_.Flush();
  const MonotonicTime deadline = reactor_.now() + kPatience;
  while (!whole() && !closed_) {
    if (reactor_.now() >= deadline) return absl::UnavailableError("the gateway does not answer");
    if (reply_.size() > kControlReplySizeMax) return absl::InternalError("the gateway's reply does not end");
    reactor_.Turn(std::chrono::milliseconds(100));
  }
  if (!whole())
    return absl::UnavailableError("the gateway has closed the connection; it stops, or is asked by too many");
  return reply_;
}

absl::StatusOr<GatewayStatus> ControlClient::Status() {
  const absl::StatusOr<std::string> reply = Ask({.verb = ControlVerb::kStatus});
  return reply.ok() ? ParseStatus(*reply) : reply.status();
}

absl::StatusOr<QueuePage> ControlClient::List(uint64_t cursor) {
  const absl::StatusOr<std::string> reply = Ask({.verb = ControlVerb::kList, .cursor = cursor});
  return reply.ok() ? ParsePage(*reply) : reply.status();
}

absl::StatusOr<QueueEntryView> ControlClient::Show(MessageId message) {
  const absl::StatusOr<std::string> reply = Ask({.verb = ControlVerb::kShow, .message = message});
  return reply.ok() ? ParseEntry(*reply) : reply.status();
}

absl::Status ControlClient::Retry(MessageId message) {
  const absl::StatusOr<std::string> reply = Ask({.verb = ControlVerb::kRetry, .message = message});
  return reply.ok() ? ParseDone(*reply) : reply.status();
}

absl::Status ControlClient::RetryAll() {
  const absl::StatusOr<std::string> reply = Ask({.verb = ControlVerb::kRetryAll});
  return reply.ok() ? ParseDone(*reply) : reply.status();
}

absl::Status ControlClient::Delete(MessageId message) {
  const absl::StatusOr<std::string> reply = Ask({.verb = ControlVerb::kDelete, .message = message});
  return reply.ok() ? ParseDone(*reply) : reply.status();
}

}  // namespace postern
