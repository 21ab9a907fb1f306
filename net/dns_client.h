// DnsClient asks the name servers on the reactor: no call waits, no thread is started.
//
// Whoever asks owns the question, on the thread of the client's poller; from Start() until its `done` is called it may
// not move, and the answer never comes inside the call that asked. A seam: the program's client is c-ares over a Poller
// (dns_client_ares.h), the simulator answers by seed. Nobody caches here, and no search suffix is ever tried.

#ifndef POSTERN_NET_DNS_CLIENT_H_
#define POSTERN_NET_DNS_CLIENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "net/address.h"

namespace postern {

enum class DnsType : uint8_t {
  kMx,         // the mail exchanges of a domain
  kAddresses,  // IPv6 and IPv4 addresses of a host; the machine's own table of hosts is asked first
};

enum class DnsStatus : uint8_t {
  kFound,
  kNoName,  // NXDOMAIN: there is no such name, for good
  kNoData,  // the name is there, and has nothing of this type
  kFailed,  // SERVFAIL, refused, nonsense, or nobody answers: another time perhaps
};

struct MailExchange {
  uint16_t preference = 0;
  std::string host;  // lower case, without the final dot; empty is the root: a null MX (RFC 7505) with preference 0

  friend bool operator==(const MailExchange&, const MailExchange&) = default;
};

// At most so many are told of one answer; the rest is dropped.
inline constexpr size_t kExchangeCountMax = 100;
inline constexpr size_t kDnsAddressCountMax = 16;
inline constexpr int kCnameCountMax = 8;  // a longer chain of CNAMEs is kFailed (imc.md: Q146795)

struct DnsQuestion {
  std::string name;  // without a final dot
  DnsType type = DnsType::kMx;
  void (*done)(DnsQuestion&) = nullptr;
  void* owner = nullptr;

  DnsStatus status = DnsStatus::kFailed;
  std::vector<MailExchange> exchanges{};  // kMx, in the order of the answer
  std::vector<IpAddress> addresses{};     // kAddresses
  Duration ttl{};                         // what came is good for so long; of kNoName and kNoData too (RFC 2308)
  std::string text{};                     // for people, when it is not kFound: "SERVFAIL from 192.0.2.53:53"
};

class DnsClient {
 public:
  virtual ~DnsClient() = default;

  virtual void Start(DnsQuestion& question) = 0;

  // Calls `done` of what is answered and minds time-outs; when it wants to be called again at the latest, kNever for
  // not at all.
  virtual MonotonicTime Turn(MonotonicTime now) = 0;
  // Turn() has something to do now.
  virtual bool HasWork() const = 0;

  // Ends all questions as kFailed, in the next Turn(), and closes all sockets; nothing may be asked afterwards.
  virtual void Close() = 0;
  // No question and no socket is left.
  virtual bool closed() const = 0;
};

}  // namespace postern

#endif  // POSTERN_NET_DNS_CLIENT_H_
