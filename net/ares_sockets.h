// AresSockets are the sockets that c-ares believes it has: it is answered from buffers, and ops on the Poller move the
// bytes.
//
// The c-ares client owns it, on the thread of its poller. c-ares expects sockets that are readable or not, and calls
// that never wait; a Poller tells of what is complete. So each call of c-ares only touches a buffer, an op that comes
// home fills or empties one, and Process() lets c-ares go on where that made a difference.
//
//   c-ares  -- asendv -->  outbox  -- send op -->  name server
//           <- arecvfrom-  inbox   <- recv op ---

#ifndef POSTERN_NET_ARES_SOCKETS_H_
#define POSTERN_NET_ARES_SOCKETS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "cares/ares.h"
#include "net/address.h"
#include "net/dns_message.h"
#include "net/poller.h"

namespace postern {

class AresSockets {
 public:
  explicit AresSockets(Poller& poller);
  ~AresSockets();  // closed() by then, or its poller goes too before it waits again
  AresSockets(const AresSockets&) = delete;
  AresSockets& operator=(const AresSockets&) = delete;

  // For ares_init_options(): c-ares tells us when it has something to write. Then, for the channel that it made:
  void AddTo(ares_options& options, int& mask);
  void Serve(ares_channel channel);

  // Lets `channel` read what has come, and write where it wants to and there is room.
  void Process(ares_channel channel);
  bool HasWork() const;  // for Process()

  // The name server whose answer c-ares is reading now, so that a callback can tell; nothing outside of that.
  struct Answer {
    SocketAddress server;
    std::optional<DnsRcode> rcode;  // of a datagram
  };
  const std::optional<Answer>& answer() const { return answer_; }

  // c-ares has closed all sockets, and all of them are home.
  bool closed() const;

 private:
  class AresSocket;
  struct Calls;  // what c-ares calls

  AresSocket* Find(ares_socket_t fd) const;
  void Forget(const AresSocket& socket);

  Poller& poller_;
  std::vector<std::unique_ptr<AresSocket>> open_;     // by c-ares' number; null where one was closed
  std::vector<std::unique_ptr<AresSocket>> closing_;  // their ops are still under way
  std::optional<Answer> answer_;
};

}  // namespace postern

#endif  // POSTERN_NET_ARES_SOCKETS_H_
