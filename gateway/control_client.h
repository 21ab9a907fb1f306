// ControlClient is the queue of the running gateway, reached over its control socket; and what else it tells of itself.
//
// A command owns it, on the main thread. It is blocking: each call sends a request and turns a reactor of its own until
// the reply is there, or nobody has answered for too long. After an error of the connection it is of no more use.

#ifndef POSTERN_GATEWAY_CONTROL_CLIENT_H_
#define POSTERN_GATEWAY_CONTROL_CLIENT_H_

#include <memory>
#include <string>

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

  absl::StatusOr<QueuePage> List(uint64_t cursor) override;
  absl::StatusOr<QueueEntryView> Show(MessageId message) override;
  absl::Status Retry(MessageId message) override;
  absl::Status RetryAll() override;
  absl::Status Delete(MessageId message) override;

 private:
  explicit ControlClient(const Clock& clock);

  void HandleConnected(Connection&) override { connected_ = true; }
  void HandleInput(Connection& connection) override;
  void HandlePeerEnd(Connection& connection) override;
  void HandleClosed(Connection&) override { closed_ = true; }

  absl::StatusOr<std::string> Ask(const ControlRequest& request);
  bool whole() const { return !reply_.empty() && reply_.back() == '\n'; }

  const std::unique_ptr<Poller> poller_;
  Reactor reactor_;
  BlockLender lender_;
  Connection connection_;
  bool connected_ = false;
  bool closed_ = true;
  std::string reply_;  // what has come of it
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONTROL_CLIENT_H_
