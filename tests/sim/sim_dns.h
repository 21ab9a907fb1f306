// SimDns is the DNS of the simulated world: a table of names, and a seed that decides how late and how badly it
// answers.
//
// A scenario owns it, and outlives the clients that it makes, each of which stands where a gateway's own client would;
// everything is on one thread. A client is destroyed with questions under way when its gateway's process dies.
//
//   dns.SetExchanges("a.example", {{10, "mx.a.example"}}, std::chrono::minutes(5));
//   dns.SetAddresses("mx.a.example", {*IpAddress::Parse("192.0.2.1")}, std::chrono::minutes(5));
//   dns.SetBroken("sick.example", true);   // never answers until its time-out; what is not in the table is kNoName
//   world.make_dns = [&](auto&...) { return dns.MakeClient(); };
//
// An answer is what the table says when it arrives, not when it was asked.

#ifndef POSTERN_TESTS_SIM_SIM_DNS_H_
#define POSTERN_TESTS_SIM_SIM_DNS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "net/address.h"
#include "net/dns_client.h"

namespace postern {

struct SimDnsOptions {
  Duration delay_max = std::chrono::milliseconds(200);  // of an answer
  Duration timeout = std::chrono::seconds(20);          // when nobody answers, it is kFailed after so long
  Duration negative_ttl = std::chrono::minutes(1);      // of kNoName and kNoData
  double failure = 0;                                   // how often the answer is SERVFAIL
  double silence = 0;                                   // how often there is none
};

class SimDns {
 public:
  SimDns(const Clock& clock, uint64_t seed, SimDnsOptions options = {});
  ~SimDns();
  SimDns(const SimDns&) = delete;
  SimDns& operator=(const SimDns&) = delete;

  // What a name has from now on; the other type stays as it is. An empty list is kNoData.
  void SetExchanges(std::string_view name, std::vector<MailExchange> exchanges, Duration ttl);
  void SetAddresses(std::string_view name, std::vector<IpAddress> addresses, Duration ttl);
  // The name is gone: kNoName.
  void Remove(std::string_view name);
  // Nobody answers for the name, whatever the table has.
  void SetBroken(std::string_view name, bool broken);
  // From here on every answer is good, but of what is broken.
  void Heal();

  std::unique_ptr<DnsClient> MakeClient();

  uint64_t question_count() const { return question_count_; }
  uint64_t question_count(std::string_view name) const;

 private:
  class Client;

  struct Entry {
    std::vector<MailExchange> exchanges;
    std::vector<IpAddress> addresses;
    Duration exchanges_ttl{};
    Duration addresses_ttl{};
  };

  // How a question will be answered, and when.
  struct Fate {
    MonotonicTime due;
    std::string failure;  // empty: by the table
  };

  Fate Ask(const DnsQuestion& question);
  void Answer(DnsQuestion& question) const;
  bool Chance(double probability) { return std::uniform_real_distribution<double>(0, 1)(random_) < probability; }

  const Clock& clock_;
  SimDnsOptions options_;
  std::mt19937_64 random_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::set<std::string, std::less<>> broken_;
  std::map<std::string, uint64_t, std::less<>> question_counts_;
  uint64_t question_count_ = 0;
  int client_count_ = 0;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_DNS_H_
