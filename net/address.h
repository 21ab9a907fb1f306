// SocketAddress says where a socket is: an IPv4 or IPv6 address with a port, or the path of a UNIX socket.
//
// Addresses and networks are plain values, usable on any thread. Text forms are those that people write in a
// configuration: "192.0.2.1:25", "[2001:db8::1]:25", "unix:/run/x.sock", "10.0.0.0/8". No name is ever resolved here.

#ifndef POSTERN_NET_ADDRESS_H_
#define POSTERN_NET_ADDRESS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern {

enum class AddressFamily : uint8_t { kNone, kIPv4, kIPv6, kUnix };

struct IpAddress {
  AddressFamily family = AddressFamily::kNone;
  std::array<uint8_t, 16> bytes{};  // network order; IPv4 uses the first four

  // "192.0.2.1" or "2001:db8::1"; an IPv4 address in IPv6 clothes (::ffff:192.0.2.1) becomes the IPv4 address it is.
  static std::optional<IpAddress> Parse(std::string_view text);
  // The IPv4 address that it is, when it is one in IPv6 clothes.
  IpAddress Unmapped() const;
  std::string ToString() const;
  bool IsWildcard() const { return bytes == std::array<uint8_t, 16>{}; }
  bool IsLoopback() const;  // 127.0.0.0/8 or ::1

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.family, a.bytes);
  }
};

struct SocketAddress {
  IpAddress ip;
  uint16_t port = 0;
  std::string path;  // of a UNIX socket, else empty

  AddressFamily family() const { return path.empty() ? ip.family : AddressFamily::kUnix; }
  // With `default_port` when the text names none; without a default a missing port is an error.
  static std::optional<SocketAddress> Parse(std::string_view text, std::optional<uint16_t> default_port = std::nullopt);
  static SocketAddress Unix(std::string path) { return {.ip = {}, .port = 0, .path = std::move(path)}; }
  std::string ToString() const;

  friend bool operator==(const SocketAddress&, const SocketAddress&) = default;
};

// An address and how many of its leading bits count.
struct IpNetwork {
  IpAddress ip;
  int prefix_bits = 0;

  static std::optional<IpNetwork> Parse(std::string_view text);  // a lone address is a network of one
  bool Contains(const IpAddress& address) const;
};

}  // namespace postern

#endif  // POSTERN_NET_ADDRESS_H_
