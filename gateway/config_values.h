// What the texts of a configuration must be: each function reads one kind of them into its value.
//
// Plain functions without state, usable on any thread. An InvalidArgument says what would be right, in words that
// follow the text that is wrong: "must be ...".

#ifndef POSTERN_GATEWAY_CONFIG_VALUES_H_
#define POSTERN_GATEWAY_CONFIG_VALUES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "net/address.h"
#include "relay/route.h"

namespace postern {

// Of the gateway itself.
absl::StatusOr<std::string> ReadHostname(std::string_view text);  // may be empty
absl::StatusOr<std::string> ReadGreeting(std::string_view text);
absl::StatusOr<std::string> ReadDataDir(std::string_view text);
absl::StatusOr<std::string> ReadUser(std::string_view text);  // may be empty
absl::StatusOr<SocketAddress> ReadListen(std::string_view text);
absl::StatusOr<IpNetwork> ReadNetwork(std::string_view text);
absl::StatusOr<std::string> ReadLocalDomain(std::string_view text);
absl::StatusOr<SocketAddress> ReadNameServer(std::string_view text);
absl::StatusOr<std::string> ReadMailAddress(std::string_view text);  // may be empty

// Of routes.
inline constexpr std::string_view kUnixPrefix = "unix:";
absl::StatusOr<std::string> ReadRouteDomain(std::string_view text);
absl::StatusOr<std::string> ReadMaildir(std::string_view text);
absl::StatusOr<HostPort> ReadNextHop(std::string_view text);
absl::StatusOr<HostPort> ReadLmtpHost(std::string_view text);
absl::StatusOr<std::string> ReadUnixSocket(std::string_view text);  // the path, kUnixPrefix taken off
absl::StatusOr<std::string> ReadRejectText(std::string_view text);

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONFIG_VALUES_H_
