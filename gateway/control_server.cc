#include "gateway/control_server.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "net/socket.h"

namespace postern {
namespace {

// How much of the relay's time one request may take: each entry is an envelope read from the log.
constexpr size_t kPageEntriesMax = 64;
constexpr size_t kPageRecipientsMax = 1000;
constexpr Duration kLookAgain = std::chrono::milliseconds(2);  // a sync takes about as long

absl::Status NotFound(MessageId message) {
  return absl::NotFoundError(absl::StrCat(ToText(message).view(), ": not in the queue"));
}

}  // namespace

ControlServer::ControlServer(Reactor& reactor, ControlTargets targets)
    : reactor_(reactor), targets_(std::move(targets)), lender_(reactor, kClientCountMax) {
  for (Client& client : clients_) {
    client.server = this;
    client.timer.owner = &client;
    client.timer.fire = [](Timer& timer) {
      Client& owner = *static_cast<Client*>(timer.owner);
      if (owner.state == State::kWaiting) return owner.server->LookAgain(owner);
      owner.server->Close(owner);
    };
  }
}

ControlServer::~ControlServer() { CHECK(closed()) << "Stop(), and turn the reactor until closed()"; }

void ControlServer::Start(Socket listening) { listener_.Start(reactor_, *this, listening); }

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

void ControlServer::HandleDrained(Connection& connection) {
  Client& client = Of(connection);
  if (client.state != State::kReading) return;
  reactor_.timers().Arm(client.timer, reactor_.now() + kIdleMax);
  Pump(client);
  if (client.state == State::kReading) connection.Resume();
}

void ControlServer::HandleClosed(Connection& connection) {
  Client& client = Of(connection);
  reactor_.timers().Disarm(client.timer);
  client.state = State::kFree;
}

void ControlServer::Close(Client& client) {
  if (client.state == State::kFree) return;
  client.state = State::kClosing;
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
  const absl::StatusOr<ControlRequest> request = ParseRequest(line);
  if (!request.ok()) return Reply(client, EncodeError(request.status()));
  switch (request->verb) {
    case ControlVerb::kStatus: return Reply(client, EncodeStatus(targets_.status()));
    case ControlVerb::kList: return Reply(client, ListPage(request->cursor));
    case ControlVerb::kShow: {
      const std::optional<QueueEntryView> entry = ShowQueued(targets_.store, request->message);
      return Reply(client, entry.has_value() ? EncodeEntry(*entry) : EncodeError(NotFound(request->message)));
    }
    case ControlVerb::kRetryAll: targets_.retry_all(); return Reply(client, EncodeDone());
    case ControlVerb::kRetry:
    case ControlVerb::kDelete: return StartChange(client, *request);
  }
}

std::string ControlServer::ListPage(uint64_t cursor) {
  QueuePage page;
  size_t recipient_count = 0;
  page.next_cursor = cursor;
  while (page.next_cursor.has_value() && page.entries.size() < kPageEntriesMax &&
         recipient_count < kPageRecipientsMax) {
    QueuePage next = ListQueue(targets_.store, *page.next_cursor, 1);
    page.message_count = next.message_count;
    page.next_cursor = next.next_cursor;
    for (QueueEntryView& entry : next.entries) {
      recipient_count += entry.recipients.size();
      page.entries.push_back(std::move(entry));
    }
  }
  return EncodePage(page);
}

void ControlServer::StartChange(Client& client, const ControlRequest& request) {
  client.state = State::kWaiting;
  client.request = request;
  client.started = false;
  client.deadline = reactor_.now() + kEffectWaitMax;
  LookAgain(client);
}

// The relay may be busy with the message first, and then the log has to say what was asked for.
void ControlServer::LookAgain(Client& client) {
  const MessageId message = client.request.message;
  if (!client.started) {
    const std::optional<MailState> now = targets_.store.Find(message);
    if (!now.has_value()) return Reply(client, EncodeError(NotFound(message)));
    client.before = *now;
    const auto& change = client.request.verb == ControlVerb::kRetry ? targets_.retry : targets_.remove;
    client.started = change(message) == Relay::Answer::kStarted;
  } else if (Shows(client)) {
    return Reply(client, EncodeDone());
  }
  if (reactor_.now() >= client.deadline) {
    return Reply(client, EncodeError(client.started
                                         ? absl::DeadlineExceededError("the log has not taken it yet; look again later")
                                         : absl::UnavailableError("it is being delivered just now; try again later")));
  }
  reactor_.timers().Arm(client.timer, reactor_.now() + kLookAgain);
}

bool ControlServer::Shows(const Client& client) const {
  const std::optional<MailState> now = targets_.store.Find(client.request.message);
  if (!now.has_value()) return true;
  if (client.request.verb == ControlVerb::kDelete) return false;
  return !std::equal(now->recipients.begin(), now->recipients.end(), client.before.recipients.begin(),
                     client.before.recipients.end(), [](const QueuedRecipient& a, const QueuedRecipient& b) {
                       return a.state == b.state && a.attempt_count == b.attempt_count &&
                              a.next_attempt == b.next_attempt;
                     });
}

void ControlServer::Reply(Client& client, std::string_view line) {
  client.state = State::kReading;
  reactor_.timers().Arm(client.timer, reactor_.now() + kIdleMax);
  client.connection.output() += line;
  client.connection.Flush();
}

}  // namespace postern
