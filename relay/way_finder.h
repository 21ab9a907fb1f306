// WayFinder finds the hosts that mail is to be taken to: those that a route names, or those that DNS names for a domain
// (RFC 5321 5.1). A Way is what it finds, a WaySearch one finding of it.
//
// SmtpCourier owns the finder, each of its links a search (a command may have both), all on the thread of the DnsCache.
// A search is asked again and again until it has a way; each time that it has none, it waits for one answer more.
//
//   MX found                        its exchanges by preference, equal ones in random order
//     with ourselves among them     only those that are better (imc.md: Q182406); none: refused 5.4.6
//     ".", a null MX                refused 5.1.10 (RFC 7505)
//     and none has an address       deferred 4.4.4: the domain is there and wants mail, somebody will mend it, and
//                                   if nobody does the message expires (imc.md: Q265727)
//   no MX, but addresses            the domain itself; as an exchange that is ourselves: refused 5.4.6
//   no MX, no address               refused 5.4.4: such a domain takes no mail
//   no such domain                  refused 5.1.2
//   nobody can tell                 deferred 4.4.3
//   [192.0.2.1], [IPv6:2001:db8::1] that address
//
// An exchange at a loopback address is ourselves when we listen there, and any other host when we do not: another
// server of this machine may be meant. One at 0.0.0.0 or :: has no address.

#ifndef POSTERN_RELAY_WAY_FINDER_H_
#define POSTERN_RELAY_WAY_FINDER_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/clock.h"
#include "net/address.h"
#include "relay/dns_cache.h"
#include "relay/route.h"
#include "smtp/client_conversation.h"

namespace postern {

struct WayHost {
  std::string name;                           // or a literal address, or the path of a UNIX socket
  uint16_t port = kSmtpPort;                  // nothing for a UNIX socket
  uint16_t preference = 0;                    // of an MX
  std::vector<SocketAddress> addresses = {};  // in the order to be tried; empty when it has none
};

struct Way {
  std::vector<WayHost> hosts{};  // in the order to be tried, one with an address at least; empty when there is no way:
  RecipientResult verdict{};     // then what becomes of the recipients: refused or deferred
};

struct WayOptions {
  std::string hostname;                        // our own, as an exchange may be called
  std::vector<SocketAddress> own_addresses{};  // where we listen, machine's addresses and all; a wildcard stands for
                                               // its family's loopback addresses
  uint64_t seed = 0;
};

class WayFinder {
 public:
  // Of a domain with more exchanges the best are tried, of each all addresses that the answer holds.
  static constexpr size_t kHostCountMax = 20;

  WayFinder(WayOptions options, DnsCache& names);

  DnsCache& names() { return names_; }
  // Whether a host is ourselves, as far as its addresses are known.
  bool IsOwn(std::string_view name, std::span<const SocketAddress> addresses) const;
  bool IsOwnAddress(const SocketAddress& address) const;
  // Which host of the route is the first this time.
  size_t NextTurn(const Route& route) { return turns_[&route]++ % route.next_hops.size(); }
  uint64_t NextRandom() { return random_(); }

 private:
  const WayOptions options_;
  DnsCache& names_;
  std::mt19937_64 random_;
  absl::flat_hash_map<const Route*, size_t> turns_;
};

class WaySearch {
 public:
  // `answered` is told when it is time to ask again; see DnsWaiter.
  WaySearch(WayFinder& finder, void (*answered)(DnsWaiter&), void* owner)
      : finder_(finder), waiter_{.answered = answered, .owner = owner} {}
  ~WaySearch() { Stop(); }
  WaySearch(const WaySearch&) = delete;
  WaySearch& operator=(const WaySearch&) = delete;

  // `route` speaks SMTP or LMTP; `domain`, of an mx route, is in lower case.
  void Start(const Route& route, std::string_view domain);
  // The way, lent until the next Start(). Null: an answer is missing.
  const Way* Find(MonotonicTime now);
  void Stop() { finder_.names().StopWaiting(waiter_); }

 private:
  enum class Stage : uint8_t { kExchanges, kAddresses, kFound };

  void StartNamed(const Route& route);
  void StartLiteral();
  const DnsQuestion* Ask(const std::string& name, DnsType type, MonotonicTime now);
  void TakeExchanges(const DnsQuestion& answer);
  void TakeAddresses(WayHost& host, const DnsQuestion& answer);
  void DropOurselves();
  void Finish();
  void Refuse(std::string_view enhanced, std::string text);
  void Defer(std::string_view enhanced, std::string text);

  WayFinder& finder_;
  DnsWaiter waiter_;
  Stage stage_ = Stage::kFound;
  const Route* route_ = nullptr;
  std::string domain_;  // as it was said, for people
  std::string name_;    // the same for DNS
  Way way_;
  size_t next_ = 0;                        // the first host whose addresses are not known
  bool implicit_ = false;                  // there is no MX: the domain stands for itself
  DnsStatus trouble_ = DnsStatus::kFound;  // of a host without addresses; that nobody could tell weighs most
  std::string trouble_text_;
};

}  // namespace postern

#endif  // POSTERN_RELAY_WAY_FINDER_H_
