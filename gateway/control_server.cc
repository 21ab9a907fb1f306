#include "gateway/control_server.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "gateway/queue_lookup.h"
#include "net/socket.h"

namespace postern {
namespace {

// How much of the relay's time one request may take: each entry is an envelope read from the log.
constexpr QueuePageLimits kPage = {.entry_count_max = 64, .recipient_count_max = 1000, .place_count_max = 16'384};
constexpr Duration kLookAgain = std::chrono::milliseconds(2);  // a sync takes about as long

absl::Status TooLate(bool started) {
  return started ? absl::DeadlineExceededError("the log has not taken it yet; look again later")
                 : absl::UnavailableError("it is being delivered just now; try again later");
}

absl::Status AnotherWish() {
  return absl::UnavailableError("the gateway is still busy with another wish for many messages; try again later");
}

}  // namespace

ControlServer::ControlServer(Reactor& reactor, ControlTargets targets)
    : reactor_(reactor), targets_(std::move(targets)), lender_(reactor, kClientCountMax) {
  for (Client& client : clients_) {
    client.server = this;
    client.timer.owner = &client;
    client.timer.fire = [](Timer& timer) {
      Client& owner = *static_cast<Client*>(timer.owner);
      owner.server->HandleTimer(owner);
    };
  }
}

// Of clients that are still there when all dies: the reactor's other timers are taken out after theirs.
ControlServer::~ControlServer() {
  for (Client& client : clients_) reactor_.timers().Disarm(client.timer);
}

void ControlServer::Start(Socket listening, std::string key) {
  key_ = std::move(key);
  listener_.Start(reactor_, *this, listening);
}

void ControlServer::Stop() {
  if (!listener_.closed()) listener_.Close();
  for (Client& client : clients_) Close(client);
}

bool ControlServer::closed() const {
  return listener_.closed() && std::all_of(clients_.begin(), clients_.end(),
                                           [](const Client& client) { return client.state == State::kFree; });
}

void ControlServer::HandleAccepted(Socket socket, const SocketAddress&) {
  const auto client =
      std::find_if(clients_.begin(), clients_.end(), [](const Client& c) { return c.state == State::kFree; });
  if (client == clients_.end()) return reactor_.sockets().CloseNow(socket);
  client->state = State::kReading;
  client->peer_ended = false;
  client->admitted = key_.empty();
  reactor_.timers().Arm(client->timer, reactor_.now() + kIdleMax);
  client->connection.Start(reactor_, lender_, *this, socket);
}

// The listener tries again by itself; whoever needs a descriptor more urgently says so.
void ControlServer::HandleAcceptFailed(NetError, int) {}

ControlServer::Client& ControlServer::Of(Connection& connection) {
  return *std::find_if(clients_.begin(), clients_.end(),
                       [&connection](const Client& client) { return &client.connection == &connection; });
}

void ControlServer::HandleInput(Connection& connection) { Pump(Of(connection)); }

void ControlServer::HandlePeerEnd(Connection& connection) {
  Client& client = Of(connection);
  client.peer_ended = true;
  Pump(client);
}

void ControlServer::HandleTimer(Client& client) {
  if (client.state == State::kWaiting) return LookAgain(client);
  if (client.state == State::kStreaming && client.connection.drained()) return ContinueStream(client);
  Close(client);
}

void ControlServer::HandleDrained(Connection& connection) {
  Client& client = Of(connection);
  if (client.state == State::kStreaming) return ContinueStream(client);
  if (client.state != State::kReading) return;
  reactor_.timers().Arm(client.timer, reactor_.now() + kIdleMax);
  Pump(client);
  if (client.state == State::kReading) connection.Resume();
}

void ControlServer::HandleClosed(Connection& connection) {
  Client& client = Of(connection);
  reactor_.timers().Disarm(client.timer);
  client.stream.reset();
  client.state = State::kFree;
}

void ControlServer::Close(Client& client) {
  if (client.state == State::kFree) return;
  client.state = State::kClosing;
  client.stream.reset();  // what it holds is of no use to anybody
  reactor_.timers().Disarm(client.timer);
  client.connection.Abort();
}

// Requests one after the other: the next one is looked at when the reply to the last one has gone.
void ControlServer::Pump(Client& client) {
  RingBuffer& input = client.connection.input();
  while (client.state == State::kReading && client.connection.drained()) {
    if (input.wrapped() && !input.TryStraighten()) return;  // a receive is under way, and brings us here again
    const std::string_view unread = input.Peek();
    const size_t end = unread.find('\n');
    if (std::min(end, unread.size()) > kControlRequestSizeMax) {
      Reply(client, EncodeError(absl::InvalidArgumentError(
                        absl::StrCat("a request is one line of at most ", kControlRequestSizeMax, " bytes"))));
      client.state = State::kClosing;
      return client.connection.CloseAfterFlush();
    }
    if (end == std::string_view::npos) {
      if (!client.peer_ended) return;
      client.state = State::kClosing;
      return client.connection.CloseAfterFlush();
    }
    const std::string line(unread.substr(0, end));
    input.Consume(end + 1);
    Handle(client, line);
  }
}

void ControlServer::Handle(Client& client, std::string_view line) {
  if (!client.admitted) {
    client.admitted = line == key_;
    return client.admitted ? void() : Close(client);
  }
  const absl::StatusOr<ControlRequest> request = ParseRequest(line);
  if (!request.ok()) return Reply(client, EncodeError(request.status()));
  switch (request->verb) {
    case ControlVerb::kStatus: return Reply(client, EncodeStatus(targets_.status()));
    case ControlVerb::kDestinations:
      return StartStream(client, StreamDestinations(targets_.store, targets_.book, targets_.destinations));
    case ControlVerb::kList: return List(client, *request);
    case ControlVerb::kShow: {
      const std::optional<QueueEntryView> entry = ShowQueued(targets_.store, targets_.book, *request->message);
      return Reply(client, entry.has_value() ? EncodeEntry(*entry) : EncodeError(NotQueued(*request->message)));
    }
    case ControlVerb::kExport: {
      if (!targets_.store.Find(*request->message).has_value()) {
        return Reply(client, EncodeError(NotQueued(*request->message)));
      }
      absl::StatusOr<StoredMessage> message = targets_.store.Open(*request->message);
      if (!message.ok()) return Reply(client, EncodeError(message.status()));
      return StartStream(client, StreamExport(*std::move(message)));
    }
    case ControlVerb::kAct: return StartAct(client, *request);
  }
}

void ControlServer::List(Client& client, const ControlRequest& request) {
  const auto destination = FindDestination(targets_.book, request.destination);
  if (!destination.ok()) return Reply(client, EncodeError(destination.status()));
  Reply(client, EncodePage(ListQueue(targets_.store, targets_.book, *destination, request.cursor, kPage)));
}

void ControlServer::StartAct(Client& client, const ControlRequest& request) {
  client.state = State::kWaiting;
  client.request = request;
  client.started = false;
  client.deadline = reactor_.now() + kEffectWaitMax;
  LookAgain(client);
}

void ControlServer::LookAgain(Client& client) {
  const absl::StatusOr<std::optional<ActResult>> result =
      client.request.message.has_value() ? TryAct(client) : TryActOnAll(client);
  if (!result.ok()) return Reply(client, EncodeError(result.status()));
  if (result->has_value()) return Reply(client, EncodeResult(**result));
  if (reactor_.now() < client.deadline) return reactor_.timers().Arm(client.timer, reactor_.now() + kLookAgain);
  Reply(client, EncodeError(client.request.message.has_value() ? TooLate(client.started) : AnotherWish()));
}

absl::StatusOr<std::optional<ActResult>> ControlServer::TryAct(Client& client) {
  const MessageId message = *client.request.message;
  if (client.started) return Shows(client) ? std::optional(ActResult::kDone) : std::nullopt;
  std::optional<MailState> now = targets_.store.Find(message);
  if (!now.has_value()) return NotQueued(message);
  client.before = *std::move(now);
  const QueueOperations::Answer answer = targets_.act(client.request.action, message);
  if (answer == QueueOperations::Answer::kNothing) return ActResult::kUnchanged;
  client.started = answer == QueueOperations::Answer::kStarted;
  return std::nullopt;
}

absl::StatusOr<std::optional<ActResult>> ControlServer::TryActOnAll(Client& client) {
  const auto destination = FindDestination(targets_.book, client.request.destination);
  if (!destination.ok()) return destination.status();
  const QueueOperations::Answer answer = targets_.act_on_all(client.request.action, *destination);
  if (answer == QueueOperations::Answer::kStarted) return ActResult::kBegun;
  return std::nullopt;
}

bool ControlServer::Shows(const Client& client) const {
  const std::optional<MailState> now = targets_.store.Find(*client.request.message);
  if (!now.has_value()) return true;
  if (client.request.action == QueueAction::kDelete) return false;
  return !std::equal(now->recipients.begin(), now->recipients.end(), client.before.recipients.begin(),
                     client.before.recipients.end(), [](const QueuedRecipient& a, const QueuedRecipient& b) {
                       return a.state == b.state && a.attempt_count == b.attempt_count &&
                              a.next_attempt == b.next_attempt;
                     });
}

void ControlServer::StartStream(Client& client, std::unique_ptr<ControlStream> stream) {
  client.state = State::kStreaming;
  client.stream = std::move(stream);
  ContinueStream(client);
}

void ControlServer::ContinueStream(Client& client) {
  std::string line;
  switch (client.stream->Next(line)) {
    case ControlStream::Step::kNotYet: return reactor_.timers().Arm(client.timer, reactor_.now());  // in the next turn
    case ControlStream::Step::kLastLine: client.stream.reset(); return Reply(client, line);
    case ControlStream::Step::kLine:
      reactor_.timers().Arm(client.timer, reactor_.now() + kIdleMax);
      client.connection.output() += line;
      client.connection.Flush();
  }
}

void ControlServer::Reply(Client& client, std::string_view line) {
  client.state = State::kReading;
  reactor_.timers().Arm(client.timer, reactor_.now() + kIdleMax);
  client.connection.output() += line;
  client.connection.Flush();
}

}  // namespace postern
