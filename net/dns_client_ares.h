// MakeDnsClient makes the DnsClient of the program: c-ares speaks DNS, our Poller moves the bytes.
//
// Whoever has the poller owns the client, on that poller's thread, and turns it as dns_client.h says. UDP with EDNS,
// and TCP where an answer does not fit; an answer that fails at one server is asked of the next. To end: Close(), turn
// until closed(), then destroy; who is cut short destroys it with its poller and all who have asked.

#ifndef POSTERN_NET_DNS_CLIENT_ARES_H_
#define POSTERN_NET_DNS_CLIENT_ARES_H_

#include <chrono>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "net/address.h"
#include "net/dns_client.h"
#include "net/poller.h"

namespace postern {

struct DnsOptions {
  // Asked in this order; none: those of the system (/etc/resolv.conf), as they are when the client is made.
  std::vector<SocketAddress> servers = {};
  Duration timeout =
      std::chrono::seconds(3);  // of the first try; every further round of the servers waits twice as long
  int try_count = 3;            // rounds of the servers
};

// `poller` and `clock` are lent, and outlive the client. When the system's configuration cannot be read, every question
// is kFailed and its text says why.
//
// What is no name of DNS is kNoName without being asked; that is also one which is not in ASCII: whoever has a name in
// another script brings its A-label (RFC 5890).
std::unique_ptr<DnsClient> MakeDnsClient(const DnsOptions& options, Poller& poller, const Clock& clock);

}  // namespace postern

#endif  // POSTERN_NET_DNS_CLIENT_ARES_H_
