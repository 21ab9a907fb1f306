// RouteTable says which way the mail for a domain goes.
//
// It is built from the configuration, owned by the gateway and read by the relay on its own thread; it never changes.
// Which route a domain falls under is the rule of core/domain_table.h (imc.md: Q169683, Q217217, Q190710).

#ifndef POSTERN_RELAY_ROUTE_H_
#define POSTERN_RELAY_ROUTE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/domain_table.h"
#include "relay/retry_policy.h"
#include "smtp/client_policy.h"

namespace postern {

enum class RouteKind : uint8_t {
  kMaildir,  // the last stop: files in a folder of its own
  kNextHop,  // SMTP to named hosts, in turn
  kMx,       // SMTP to whom DNS names for the recipient's domain
  kLmtp,     // LMTP (RFC 2033) to named hosts or a UNIX socket: the mailboxes of another program
  kReject,   // refused, with a text
  kDiscard,  // taken and thrown away
};

const char* ToText(RouteKind kind);  // as the configuration calls it

inline constexpr uint16_t kSmtpPort = 25;
inline constexpr uint16_t kLmtpPort = 24;

struct HostPort {
  std::string host;  // a name, or a literal address without brackets
  uint16_t port = kSmtpPort;

  std::string ToString() const;  // "mail.internal:25", "[::1]:25"
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "mail.internal", "mail.internal:2525", "192.0.2.1:25", "[2001:db8::1]:25"; InvalidArgument says what would be right.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text, uint16_t default_port = kSmtpPort);

struct Route {
  std::string match = "*";
  RouteKind kind = RouteKind::kMaildir;
  std::string maildir{};                          // kMaildir: a path with {domain} and {local}
  std::vector<HostPort> next_hops{};              // kNextHop, kLmtp
  std::string unix_socket{};                      // kLmtp: instead of hosts
  std::string reject_text{};                      // kReject: what the sender is told
  uint16_t port = kSmtpPort;                      // kMx: of every host
  uint32_t connection_count_max = 10;             // to one host at once (imc.md: Q156063)
  uint32_t messages_per_connection_max = 8;       // 0 is no limit (imc.md: Q146562)
  uint32_t recipients_per_transaction_max = 100;  // RFC 5321 4.5.3.1.8: each server takes so many
  uint64_t message_size_max = 0;                  // bytes; 0 is no limit
  EightBit eight_bit = EightBit::kPass;
  RetryPolicy retry{};
  uint32_t line = 0;      // of the configuration, for people; 0 when it is not from a file
  uint32_t way_line = 0;  // of the key that says which way, as well

  bool speaks_smtp() const { return kind == RouteKind::kNextHop || kind == RouteKind::kMx || kind == RouteKind::kLmtp; }
};

class RouteTable {
 public:
  // InvalidArgument for a rule that can never be meant: without a domain, twice, or without a way.
  static absl::StatusOr<RouteTable> Create(std::vector<Route> routes);

  // The index of the route for `domain`; nothing when no rule fits.
  std::optional<uint32_t> Find(std::string_view domain) const { return table_.Find(domain); }

  const Route& route(uint32_t index) const { return routes_[index]; }
  uint32_t count() const { return static_cast<uint32_t>(routes_.size()); }

 private:
  std::vector<Route> routes_;
  DomainTable table_;  // to indices of routes_
};

}  // namespace postern

#endif  // POSTERN_RELAY_ROUTE_H_
