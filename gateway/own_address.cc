#include "gateway/own_address.h"

#include <string>

#include "absl/strings/ascii.h"
#include "net/host.h"

namespace postern {
namespace {

// A connection to a wildcard arrives at the loopback of its family.
IpAddress Reached(const IpAddress& ip) {
  if (!ip.IsWildcard()) return ip;
  return *IpAddress::Parse(ip.family == AddressFamily::kIPv6 ? "::1" : "127.0.0.1");
}

bool Reaches(const std::string& host, const IpAddress& own, const std::string& hostname) {
  if (const std::optional<IpAddress> literal = IpAddress::Parse(host)) {
    const IpAddress ip = Reached(*literal);
    return ip == own || (own.IsWildcard() && own.family == ip.family && ip.IsLoopback());
  }
  const std::string name = absl::AsciiStrToLower(host);
  if (name == "localhost") return own.IsWildcard() || own.IsLoopback();
  return name == absl::AsciiStrToLower(hostname) && !own.IsLoopback();
}

}  // namespace

std::vector<SocketAddress> OwnAddresses(const Config& config, std::span<const IpAddress> machine) {
  std::vector<SocketAddress> addresses;
  for (const SocketAddress& own : config.listen) {
    addresses.push_back(own);
    if (!own.ip.IsWildcard()) continue;
    for (const IpAddress& ip : machine) {
      if (ip.family == own.ip.family) addresses.push_back({.ip = ip, .port = own.port, .path = {}});
    }
  }
  return addresses;
}

std::optional<SocketAddress> OwnAddress(const HostPort& host, const Config& config) {
  const std::string hostname = config.hostname.empty() ? HostName() : config.hostname;
  for (const SocketAddress& own : config.listen) {
    if (host.port == own.port && Reaches(host.host, own.ip, hostname)) return own;
  }
  return std::nullopt;
}

}  // namespace postern
