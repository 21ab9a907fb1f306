// PeerOffers is what a server told us with its reply to EHLO or LHLO: what it can do, and its limits.
//
// A plain value of the client conversation that asked, on its thread, good for one connection. Everything is optional
// for the peer and nothing of it is a promise: a keyword that we do not know, or cannot read, was not said.

#ifndef POSTERN_SMTP_PEER_OFFERS_H_
#define POSTERN_SMTP_PEER_OFFERS_H_

#include <cstdint>
#include <string_view>

namespace postern {

struct PeerOffers {
  bool pipelining = false;  // RFC 2920
  bool chunking = false;    // RFC 3030
  bool eight_bit = false;   // RFC 6152
  bool utf8 = false;        // RFC 6531
  bool dsn = false;         // RFC 3461
  bool size = false;        // RFC 1870

  // 0: it did not say.
  uint64_t message_size_max = 0;            // bytes, RFC 1870
  uint32_t mail_count_max = 0;              // RFC 9422: MAILMAX, transactions in one connection
  uint32_t recipient_count_max = 0;         // RCPTMAX, in one transaction
  uint32_t recipient_domain_count_max = 0;  // RCPTDOMAINMAX, different ones in one transaction
};

// The text of a whole reply, '\n' between its lines; the first one is the peer's name (RFC 5321 4.1.1.1).
PeerOffers ParsePeerOffers(std::string_view ehlo_text);

}  // namespace postern

#endif  // POSTERN_SMTP_PEER_OFFERS_H_
