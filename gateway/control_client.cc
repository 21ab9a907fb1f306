#include "gateway/control_client.h"

#include "absl/strings/str_cat.h"
#include "net/local_door.h"
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
  const absl::StatusOr<WayIn> way = FindLocalDoor(socket_path);
  if (!way.ok()) return way.status();
  auto client = std::unique_ptr<ControlClient>(new ControlClient(clock));
  client->closed_ = false;
  client->connection_.StartConnect(client->reactor_, client->lender_, *client, way->address);
  const MonotonicTime deadline = clock.Monotonic() + kConnectPatience;
  while (!client->connected_ && !client->closed_) {
    if (clock.Monotonic() >= deadline) {
      return absl::UnavailableError(absl::StrCat(socket_path, ": the gateway takes no connection"));
    }
    client->reactor_.Turn(std::chrono::milliseconds(100));
  }
  if (client->closed_) return ConnectFailure(socket_path, client->connection_);
  if (!way->key.empty()) client->connection_.output() += absl::StrCat(way->key, "\n");
  return client;
}

ControlClient::ControlClient(const Clock& clock)
    : clock_(clock), poller_(MakeSystemPoller()), reactor_(*poller_, clock), lender_(reactor_, 1) {}

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
  Send(request);
  return AwaitLine();
}

void ControlClient::Send(const ControlRequest& request) {
  connection_.output() += EncodeRequest(request);
  connection_.Flush();
}

absl::StatusOr<std::string> ControlClient::AwaitLine() {
  const MonotonicTime deadline = clock_.Monotonic() + kPatience;
  for (;;) {
    const size_t end = reply_.find('\n', searched_size_);
    if (end != std::string::npos) {
      std::string line = reply_.substr(0, end);
      reply_.erase(0, end + 1);
      searched_size_ = 0;
      return line;
    }
    searched_size_ = reply_.size();
    if (closed_) break;
    if (clock_.Monotonic() >= deadline) return absl::UnavailableError("the gateway does not answer");
    if (reply_.size() > kControlReplySizeMax) return absl::InternalError("the gateway's reply does not end");
    reactor_.Turn(std::chrono::milliseconds(100));
  }
  return absl::UnavailableError("the gateway has closed the connection; it stops, or is asked by too many");
}

absl::StatusOr<GatewayStatus> ControlClient::Status() {
  const absl::StatusOr<std::string> reply = Ask({.verb = ControlVerb::kStatus});
  return reply.ok() ? ParseStatus(*reply) : reply.status();
}

absl::StatusOr<size_t> ControlClient::Destinations(absl::FunctionRef<void(const DestinationView&)> visit) {
  Send({.verb = ControlVerb::kDestinations});
  for (;;) {
    const absl::StatusOr<std::string> line = AwaitLine();
    if (!line.ok()) return line.status();
    const absl::StatusOr<DestinationPage> page = ParseDestinations(*line);
    if (!page.ok()) return page.status();
    for (const DestinationView& destination : page->destinations) visit(destination);
    if (!page->more) return page->message_count;
  }
}

absl::StatusOr<QueuePage> ControlClient::List(const std::optional<std::string>& destination, uint64_t cursor) {
  const absl::StatusOr<std::string> reply =
      Ask({.verb = ControlVerb::kList, .destination = destination, .cursor = cursor});
  return reply.ok() ? ParsePage(*reply) : reply.status();
}

absl::StatusOr<QueueEntryView> ControlClient::Show(MessageId message) {
  const absl::StatusOr<std::string> reply = Ask({.verb = ControlVerb::kShow, .message = message});
  return reply.ok() ? ParseEntry(*reply) : reply.status();
}

absl::Status ControlClient::Export(MessageId message, absl::FunctionRef<absl::Status(std::string_view)> write) {
  Send({.verb = ControlVerb::kExport, .message = message});
  for (;;) {
    const absl::StatusOr<std::string> line = AwaitLine();
    if (!line.ok()) return line.status();
    const absl::StatusOr<ExportPiece> piece = ParsePiece(*line);
    if (!piece.ok()) return piece.status();
    if (absl::Status written = write(piece->bytes); !written.ok()) return written;
    if (!piece->more) return absl::OkStatus();
  }
}

absl::StatusOr<ActResult> ControlClient::Act(QueueAction action, MessageId message) {
  const absl::StatusOr<std::string> reply = Ask({.verb = ControlVerb::kAct, .action = action, .message = message});
  return reply.ok() ? ParseResult(*reply) : reply.status();
}

absl::StatusOr<ActResult> ControlClient::ActOnAll(QueueAction action, const std::optional<std::string>& destination) {
  const absl::StatusOr<std::string> reply =
      Ask({.verb = ControlVerb::kAct, .action = action, .destination = destination, .all = !destination.has_value()});
  return reply.ok() ? ParseResult(*reply) : reply.status();
}

}  // namespace postern
