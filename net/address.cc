#include "net/address.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "net/socket.h"

namespace postern {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// Digits only: SimpleAtoi alone would take a sign and blanks.
std::optional<uint32_t> ParseNumber(std::string_view text, uint32_t max) {
  uint32_t value = 0;
  if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  if (!absl::SimpleAtoi(text, &value) || value > max) return std::nullopt;
  return value;
}

}  // namespace

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::optional<IpAddress> ip = ParseIpText(text);
  return ip ? ip->Unmapped() : ip;
}

IpAddress IpAddress::Unmapped() const {
  if (family != AddressFamily::kIPv6) return *this;
  if (!std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) return *this;
  IpAddress plain{.family = AddressFamily::kIPv4};
  std::copy_n(bytes.begin() + kMappedPrefix.size(), 4, plain.bytes.begin());
  return plain;
}

bool IpAddress::IsLoopback() const {
  constexpr std::array<uint8_t, 16> kIPv6Loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return family == AddressFamily::kIPv4 ? bytes[0] == 127 : bytes == kIPv6Loopback;
}

std::string IpAddress::ToString() const { return FormatIpText(*this); }

std::optional<SocketAddress> SocketAddress::Parse(std::string_view text, std::optional<uint16_t> default_port) {
  if (absl::ConsumePrefix(&text, "unix:")) {
    // sun_path has 108 bytes on Linux, with its end.
    if (text.empty() || text.size() > 107) return std::nullopt;
    return Unix(std::string(text));
  }
  std::string_view host = text;
  std::optional<std::string_view> port_text;
  if (absl::ConsumePrefix(&host, "[")) {
    const size_t end = host.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = host.substr(end + 1);
    host = host.substr(0, end);
    if (!rest.empty() && rest[0] != ':') return std::nullopt;
    if (!rest.empty()) port_text = rest.substr(1);
    if (host.find(':') == std::string_view::npos) return std::nullopt;
  } else if (std::count(host.begin(), host.end(), ':') == 1) {
    const size_t colon = host.find(':');
    port_text = host.substr(colon + 1);
    host = host.substr(0, colon);
  }
  SocketAddress address;
  const std::optional<IpAddress> ip = host.empty() ? IpAddress{.family = AddressFamily::kIPv4} : IpAddress::Parse(host);
  if (!ip) return std::nullopt;
  address.ip = *ip;
  if (port_text) {
    const std::optional<uint32_t> port = ParseNumber(*port_text, 65535);
    if (!port) return std::nullopt;
    address.port = static_cast<uint16_t>(*port);
  } else if (default_port) {
    address.port = *default_port;
  } else {
    return std::nullopt;
  }
  return address;
}

std::string SocketAddress::ToString() const {
  if (family() == AddressFamily::kUnix) return absl::StrCat("unix:", path);
  if (family() == AddressFamily::kIPv6) return absl::StrCat("[", ip.ToString(), "]:", port);
  return absl::StrCat(ip.ToString(), ":", port);
}

std::optional<IpNetwork> IpNetwork::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> ip = IpAddress::Parse(text.substr(0, slash));
  if (!ip) return std::nullopt;
  const uint32_t bits_max = ip->family == AddressFamily::kIPv4 ? 32 : 128;
  IpNetwork network{.ip = *ip, .prefix_bits = static_cast<int>(bits_max)};
  if (slash != std::string_view::npos) {
    const std::optional<uint32_t> bits = ParseNumber(text.substr(slash + 1), bits_max);
    if (!bits) return std::nullopt;
    network.prefix_bits = static_cast<int>(*bits);
  }
  return network;
}

bool IpNetwork::Contains(const IpAddress& address) const {
  if (address.family != ip.family) return false;
  const int whole = prefix_bits / 8;
  if (!std::equal(ip.bytes.begin(), ip.bytes.begin() + whole, address.bytes.begin())) return false;
  const int rest = prefix_bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xFF << (8 - rest));
  return (ip.bytes[whole] & mask) == (address.bytes[whole] & mask);
}

}  // namespace postern
