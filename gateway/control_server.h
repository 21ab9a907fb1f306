// ControlServer lets the operator's commands look at the queue and change it while the gateway runs.
//
// The gateway owns it, on the relay's reactor and thread, and turns the reactor until closed() before it destroys it,
// unless all of it dies at once, as in a process that is killed. It answers a few clients, one request of each at a
// time, a page or a line at a time, so that nobody holds up the relay; a client that talks nonsense, never reads or
// falls silent loses its connection, and nobody else notices.

#ifndef POSTERN_GATEWAY_CONTROL_SERVER_H_
#define POSTERN_GATEWAY_CONTROL_SERVER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/control_protocol.h"
#include "gateway/control_stream.h"
#include "net/block_lender.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/reactor.h"
#include "relay/destination_book.h"
#include "relay/mail_store.h"
#include "relay/queue_operations.h"
#include "relay/queue_view.h"

namespace postern {

// What the server asks of the relay and the gateway, on the relay's thread.
struct ControlTargets {
  MailStore& store;
  const DestinationBook& book;
  std::function<QueueOperations::Answer(QueueAction, MessageId)> act;
  std::function<QueueOperations::Answer(QueueAction, std::optional<uint32_t> destination)> act_on_all;
  std::function<std::vector<DestinationStatus>()> destinations;  // of those with something to tell
  std::function<GatewayStatus()> status;
};

class ControlServer final : private ListenerHandler, private ConnectionHandler {
 public:
  static constexpr size_t kClientCountMax = 16;
  static constexpr Duration kIdleMax = std::chrono::seconds(60);        // without a request, or without reading a reply
  static constexpr Duration kEffectWaitMax = std::chrono::seconds(10);  // for the log to have what was asked for

  ControlServer(Reactor& reactor, ControlTargets targets);
  ~ControlServer() override;

  // `listening` is the server's from here on. Who does not say `key` in his first line is dropped without a word; when
  // it is empty the system has seen to it who comes in (net/local_door.h).
  void Start(Socket listening, std::string key = {});
  // Takes no more clients and drops those that are there.
  void Stop();
  bool closed() const;

 private:
  enum class State : uint8_t {
    kFree,
    kReading,    // a request may come
    kWaiting,    // for the relay, or its effect to show
    kStreaming,  // a reply of several lines goes out
    kClosing,
  };
  struct Client {
    ControlServer* server = nullptr;
    State state = State::kFree;
    Connection connection;
    Timer timer;  // kReading: it is idle; kWaiting: look again; kStreaming: it reads nothing, or there is more to do
    bool peer_ended = false;
    bool admitted = false;  // it has said the key
    // kWaiting:
    ControlRequest request;
    bool started = false;  // the relay has taken it, for a message
    MailState before;      // what must not stay as it is
    MonotonicTime deadline;
    // kStreaming:
    std::unique_ptr<ControlStream> stream;
  };

  void HandleAccepted(Socket socket, const SocketAddress& peer) override;
  void HandleAcceptFailed(NetError error, int system_code) override;
  void HandleInput(Connection& connection) override;
  void HandlePeerEnd(Connection& connection) override;
  void HandleDrained(Connection& connection) override;
  void HandleClosed(Connection& connection) override;

  Client& Of(Connection& connection);
  void Pump(Client& client);
  void Handle(Client& client, std::string_view line);
  void HandleTimer(Client& client);
  void List(Client& client, const ControlRequest& request);
  void StartAct(Client& client, const ControlRequest& request);
  void LookAgain(Client& client);
  // Nothing yet: the relay is busy with the message first, and then the log has to say what was asked for; or it is
  // busy with another wish for many.
  absl::StatusOr<std::optional<ActResult>> TryAct(Client& client);
  absl::StatusOr<std::optional<ActResult>> TryActOnAll(Client& client);
  bool Shows(const Client& client) const;
  void StartStream(Client& client, std::unique_ptr<ControlStream> stream);
  void ContinueStream(Client& client);
  void Reply(Client& client, std::string_view line);
  void Close(Client& client);

  Reactor& reactor_;
  const ControlTargets targets_;
  BlockLender lender_;
  Listener listener_;
  std::string key_;
  std::array<Client, kClientCountMax> clients_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONTROL_SERVER_H_
