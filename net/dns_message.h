// ParseDnsMessage reads a message of DNS as far as we need one: whether it is a success, its answer and its authority
// (RFC 1035 4).
//
// Plain functions and values, usable on any thread; the bytes are a stranger's. Names come in lower case, without the
// final dot and in ASCII: what would be unclear in a text (a dot in a label, a blank, a control, an eighth bit) is
// written \DDD, as in a zone file.

#ifndef POSTERN_NET_DNS_MESSAGE_H_
#define POSTERN_NET_DNS_MESSAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace postern {

// The numbers of RFC 1035, 3596.
enum class DnsRecordType : uint16_t { kA = 1, kNs = 2, kCname = 5, kSoa = 6, kMx = 15, kAaaa = 28 };
std::string_view ToText(DnsRecordType type);

enum class DnsRcode : uint8_t { kNoError = 0, kFormatError = 1, kServerFailure = 2, kNoName = 3, kRefused = 5 };
std::string ToText(DnsRcode rcode);  // "SERVFAIL"; also of a number that has no name here

struct DnsRecord {
  DnsRecordType type = DnsRecordType::kA;
  std::string owner;
  uint32_t ttl_s = 0;
  std::string host{};       // kCname, kMx, kNs; empty is the root
  uint16_t preference = 0;  // kMx
  IpAddress address{};      // kA, kAaaa
  uint32_t minimum_s = 0;   // kSoa: how long its zone's "there is none" is good for (RFC 2308 4)
};

struct DnsMessage {
  DnsRcode rcode = DnsRcode::kNoError;
  bool authoritative = false;
  std::vector<DnsRecord> answers;  // of the types above and class IN; others are left out
  std::vector<DnsRecord> authorities;
};

// Nothing when it is no response, or is malformed in what is read of it.
std::optional<DnsMessage> ParseDnsMessage(std::string_view bytes);

// Whether DNS could know such a name: labels of 1 to 63 visible ASCII characters, 253 in all, no final dot.
bool IsDnsName(std::string_view name);

}  // namespace postern

#endif  // POSTERN_NET_DNS_MESSAGE_H_
