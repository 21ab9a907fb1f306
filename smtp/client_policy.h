// ClientPolicy is how we talk to a server: by which name, with which protocol, and with how much patience.
//
// A plain value that the relay makes for each route; a ClientConversation is lent one for the life of a connection.

#ifndef POSTERN_SMTP_CLIENT_POLICY_H_
#define POSTERN_SMTP_CLIENT_POLICY_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "core/clock.h"

namespace postern {

// RFC 5321 4.5.3.2: how long a reply may take.
struct ClientTimeouts {
  Duration greeting = std::chrono::minutes(5);
  Duration command = std::chrono::minutes(5);  // EHLO, MAIL, RCPT, RSET
  Duration data = std::chrono::minutes(2);     // DATA to 354
  Duration block = std::chrono::minutes(3);    // no byte of the body was taken
  Duration body_end = std::chrono::minutes(10);
  Duration quit = std::chrono::seconds(5);  // a courtesy: nothing hangs on its reply
};

enum class ClientProtocol : uint8_t {
  kSmtp,
  kLmtp,  // RFC 2033: LHLO, and after the data a reply for each accepted recipient
};

// What an 8-bit body gets when the peer does not offer 8BITMIME.
enum class EightBit : uint8_t {
  kPass,    // it goes as it is
  kBounce,  // it is returned (RFC 6152 3)
};

struct ClientPolicy {
  std::string hostname;  // what EHLO says
  ClientTimeouts timeouts{};
  ClientProtocol protocol = ClientProtocol::kSmtp;
  EightBit eight_bit = EightBit::kPass;
  uint32_t recipients_per_transaction_max = 100;  // the peer's own limit (RFC 9422) may be lower
  bool pipelining = true;                         // used where it is offered (RFC 2920)
  bool chunking = true;                           // the same: BDAT instead of DATA (RFC 3030)
};

}  // namespace postern

#endif  // POSTERN_SMTP_CLIENT_POLICY_H_
