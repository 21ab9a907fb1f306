// DnsBytes writes messages of DNS, byte by byte as RFC 1035 4 has them and without compression, for tests.
//
// A test owns it; it is a plain value.

#ifndef POSTERN_TESTS_NET_DNS_BYTES_H_
#define POSTERN_TESTS_NET_DNS_BYTES_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/address.h"
#include "net/dns_message.h"

namespace postern {

inline std::string ShortBytes(uint16_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }

inline std::string LongBytes(uint32_t value) {
  return ShortBytes(static_cast<uint16_t>(value >> 16)) + ShortBytes(static_cast<uint16_t>(value));
}

inline std::string NameBytes(std::string_view name) {
  std::string bytes;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    bytes += static_cast<char>(label.size());
    bytes += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return bytes + '\0';
}

inline std::string MxBytes(uint16_t preference, std::string_view host) {
  return ShortBytes(preference) + NameBytes(host);
}

inline std::string AddressBytes(std::string_view text) {
  const IpAddress ip = *IpAddress::Parse(text);
  return {ip.bytes.begin(), ip.bytes.begin() + (ip.family == AddressFamily::kIPv4 ? 4 : 16)};
}

inline std::string SoaBytes(uint32_t minimum_s) {
  return NameBytes("ns.example") + NameBytes("hostmaster.example") + std::string(16, '\1') + LongBytes(minimum_s);
}

class DnsBytes {
 public:
  static constexpr uint16_t kResponse = 0x8180;  // recursion was asked for, and is to be had
  static constexpr uint16_t kAuthoritative = 0x0400;
  static constexpr uint16_t kTruncated = 0x0200;

  explicit DnsBytes(uint16_t flags = kResponse, uint16_t id = 0) : id_(id), flags_(flags) {}

  DnsBytes& Rcode(DnsRcode rcode) {
    flags_ = static_cast<uint16_t>(flags_ | static_cast<uint16_t>(rcode));
    return *this;
  }
  DnsBytes& Question(std::string_view name, DnsRecordType type) {
    ++question_count_;
    questions_ += NameBytes(name) + ShortBytes(static_cast<uint16_t>(type)) + ShortBytes(1);
    return *this;
  }
  DnsBytes& Answer(std::string_view name, DnsRecordType type, uint32_t ttl_s, std::string_view data) {
    ++answer_count_;
    answers_ += Record(name, type, ttl_s, data);
    return *this;
  }
  DnsBytes& Authority(std::string_view name, DnsRecordType type, uint32_t ttl_s, std::string_view data) {
    ++authority_count_;
    authorities_ += Record(name, type, ttl_s, data);
    return *this;
  }

  std::string str() const {
    return ShortBytes(id_) + ShortBytes(flags_) + ShortBytes(question_count_) + ShortBytes(answer_count_) +
           ShortBytes(authority_count_) + ShortBytes(0) + questions_ + answers_ + authorities_;
  }

 private:
  static std::string Record(std::string_view name, DnsRecordType type, uint32_t ttl_s, std::string_view data) {
    return NameBytes(name) + ShortBytes(static_cast<uint16_t>(type)) + ShortBytes(1) + LongBytes(ttl_s) +
           ShortBytes(static_cast<uint16_t>(data.size())) + std::string(data);
  }

  uint16_t id_;
  uint16_t flags_;
  uint16_t question_count_ = 0;
  uint16_t answer_count_ = 0;
  uint16_t authority_count_ = 0;
  std::string questions_;
  std::string answers_;
  std::string authorities_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_NET_DNS_BYTES_H_
