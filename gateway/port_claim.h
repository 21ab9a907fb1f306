// PortClaim is our claim of the configured listening addresses, of which some may be held by others for a while.
//
// `postern serve` owns it, on the main thread. A claimed socket belongs to it until TakeClaimed() hands it on. What to
// do about a refusal, and whether to find out who is in the way (DiagnosePort), is for whoever asked.

#ifndef POSTERN_GATEWAY_PORT_CLAIM_H_
#define POSTERN_GATEWAY_PORT_CLAIM_H_

#include <string>
#include <vector>

#include "net/address.h"
#include "net/socket.h"

namespace postern {

class PortClaim {
 public:
  struct Refusal {
    SocketAddress address;
    SocketResult result;
  };

  // `sockets` is lent and outlives it.
  PortClaim(std::vector<SocketAddress> addresses, Sockets& sockets);
  ~PortClaim();
  PortClaim(const PortClaim&) = delete;
  PortClaim& operator=(const PortClaim&) = delete;

  // Listens on every address that is not ours yet, exclusively. Returns those that we were refused, in the order of the
  // configuration. It never waits, so it may be tried every second.
  std::vector<Refusal> TryClaim();

  // All that was claimed since the last call. The sockets are the caller's.
  std::vector<Socket> TakeClaimed();

  bool complete() const { return missing_.empty(); }
  // The addresses that are ours, "127.0.0.1:25, [::1]:25", with the ports that the system chose for port 0.
  std::string ToString() const;

 private:
  Sockets& sockets_;
  std::vector<SocketAddress> missing_;
  std::vector<SocketAddress> held_;
  std::vector<Socket> claimed_;  // not yet handed on
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_PORT_CLAIM_H_
