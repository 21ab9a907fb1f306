// ControlClient is the queue of the running gateway, reached over its control socket (net/local_door.h); and what else
// it tells of itself.
//
// A command owns it, on the main thread. It is blocking: each call sends a request and turns a reactor of its own until
// the reply is there, or nobody has answered for too long. After an error of the connection, or of Export(), it is of
// no more use.

#ifndef POSTERN_GATEWAY_CONTROL_CLIENT_H_
#define POSTERN_GATEWAY_CONTROL_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/clock.h"
#include "gateway/control_protocol.h"
#include "gateway/queue_access.h"
#include "net/block_lender.h"
#include "net/connection.h"
#include "net/poller.h"
#include "net/reactor.h"

namespace postern {

class ControlClient final : public QueueAccess, private ConnectionHandler {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(30);  // for a reply; more than a server's own waits

  // NotFound: no gateway runs here. PermissionDenied: it is somebody else's. `clock` outlives the client.
  static absl::StatusOr<std::unique_ptr<ControlClient>> Connect(const std::string& socket_path, const Clock& clock);
  ~ControlClient() override;

  absl::StatusOr<GatewayStatus> Status();

  absl::StatusOr<size_t> Destinations(absl::FunctionRef<void(const DestinationView&)> visit) override;
  absl::StatusOr<QueuePage> List(const std::optional<std::string>& destination, uint64_t cursor) override;
  absl::StatusOr<QueueEntryView> Show(MessageId message) override;
  absl::Status Export(MessageId message, absl::FunctionRef<absl::Status(std::string_view)> write) override;
  absl::StatusOr<ActResult> Act(QueueAction action, MessageId message) override;
  absl::StatusOr<ActResult> ActOnAll(QueueAction action, const std::optional<std::string>& destination) override;

 private:
  explicit ControlClient(const Clock& clock);

  void HandleConnected(Connection&) override { connected_ = true; }
  void HandleInput(Connection& connection) override;
  void HandlePeerEnd(Connection& connection) override;
  void HandleClosed(Connection&) override { closed_ = true; }

  absl::StatusOr<std::string> Ask(const ControlRequest& request);
  void Send(const ControlRequest& request);
  // The next line of a reply.
  absl::StatusOr<std::string> AwaitLine();

  const Clock& clock_;
  const std::unique_ptr<Poller> poller_;
  Reactor reactor_;
  BlockLender lender_;
  Connection connection_;
  bool connected_ = false;
  bool closed_ = true;
  std::string reply_;         // what has come and was not taken yet
  size_t searched_size_ = 0;  // of it, where there is no line end
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONTROL_CLIENT_H_
