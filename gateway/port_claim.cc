#include "gateway/port_claim.h"

#include <utility>

#include "absl/strings/str_join.h"

namespace postern {
namespace {

// Connections that the system completes before we accept them; a burst of clients waits here instead of trying again.
constexpr int kBacklog = 1024;

}  // namespace

PortClaim::PortClaim(std::vector<SocketAddress> addresses, Sockets& sockets)
    : sockets_(sockets), missing_(std::move(addresses)) {}

PortClaim::~PortClaim() {
  for (const Socket socket : claimed_) sockets_.CloseNow(socket);
}

std::vector<PortClaim::Refusal> PortClaim::TryClaim() {
  std::vector<Refusal> refusals;
  for (const SocketAddress& address : std::exchange(missing_, {})) {
    SocketResult result = sockets_.ListenOn(address, kBacklog);
    if (result.socket.valid()) {
      claimed_.push_back(result.socket);
      held_.push_back(sockets_.LocalAddress(result.socket));
    } else {
      missing_.push_back(address);
      refusals.push_back({.address = address, .result = std::move(result)});
    }
  }
  return refusals;
}

std::vector<Socket> PortClaim::TakeClaimed() { return std::exchange(claimed_, {}); }

std::string PortClaim::ToString() const {
  return absl::StrJoin(held_, ", ",
                       [](std::string* out, const SocketAddress& address) { out->append(address.ToString()); });
}

}  // namespace postern
