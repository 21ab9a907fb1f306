// SimSetup is what a seed decides before a scenario begins: the weather, the configuration, and what the DNS knows.
//
// Plain functions and values, which a scenario keeps as long as its world; everything is on one thread. The domains say
// what happens to mail for them, and who judges a message (audit.h) asks here which of them may fail.
//
//   box.example            a maildir                          hop.example, elsewhere.example   two next hops
//   lmtp.example           LMTP                               reject.example, discard.example  as they say
//   good.mx.example        a dead exchange, then two good ones
//   own.mx.example         a good exchange, ourselves, and one behind us that must never be tried
//   plain.mx.example       no MX, but an address              sick.mx.example  as good, while anybody answers for it
//   null, gone, loop, bare.mx.example    a null MX; no such domain; ourselves alone; an exchange without an address
//   client.example         the senders': reports go to a maildir, to next hops, by MX, or are refused
//   gate.example           ours: reports on reports go to a maildir, or are refused and become dead letters

#ifndef POSTERN_TESTS_SIM_SIM_SETUP_H_
#define POSTERN_TESTS_SIM_SIM_SETUP_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <string_view>

#include "gateway/config.h"
#include "net/address.h"
#include "tests/sim/sim_dns.h"

namespace postern {

inline constexpr std::string_view kSimHostname = "gate.example";
inline constexpr std::string_view kSimSenderDomain = "client.example";
inline constexpr std::string_view kSimPostmaster = "postmaster@gate.example";
inline constexpr std::string_view kSimAdministrator = "admin@box.example";

// What a seed may bring at all: a run in which only one thing goes wrong shows more clearly what that does.
struct Weather {
  bool kills = false;
  bool power_cuts = false;
  bool disk_faults = false;
  bool full_disks = false;
  bool drains = false;
  bool wrong_clocks = false;
  bool transfer_modes = false;  // it may be started in another one
  bool operators = false;       // somebody holds, releases, deletes, ...
  bool sweeping_deletes = false;
  double client_wildness = 0;
  double hop_wildness = 0;
  double dns_wildness = 0;
};

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  bool Chance(double probability) { return std::uniform_real_distribution<double>(0, 1)(random_) < probability; }
  template <typename T>
  T One(std::initializer_list<T> values) {
    return values.begin()[std::uniform_int_distribution<size_t>(0, values.size() - 1)(random_)];
  }

 private:
  std::mt19937_64 random_;
};

struct SimHopPlace {
  std::string_view name;
  std::string_view address;
  bool lmtp = false;
};
// The first two are next hops, then come two mail exchanges.
inline constexpr std::array<SimHopPlace, 5> kSimHops = {{{"hop1", "10.2.0.1:25"},
                                                         {"hop2", "10.2.0.2:25"},
                                                         {"mx1", "10.2.0.3:25"},
                                                         {"mx2", "10.2.0.4:25"},
                                                         {"lmtp", "10.2.0.5:24", true}}};
// Nobody answers there, not even with a refusal.
inline constexpr std::string_view kSimDeadHost = "10.2.9.9:25";
// An exchange behind ourselves: whoever comes here has not read RFC 5321 5.1.
inline constexpr std::string_view kSimForbiddenHost = "10.2.9.8:25";

SocketAddress SimAddress(std::string_view text);

Weather MakeWeather(Dice& dice);
Config MakeConfig(Dice& dice, const Weather& weather);
void FillDns(SimDns& dns);
// The names for which nobody answers any more, or does again.
void SetSickness(SimDns& dns, bool sick);

// Mail for `domain` fails although everybody does his best; or is taken and seen by nobody.
bool FailsAlways(std::string_view domain);
bool VanishesAlways(std::string_view domain);

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_SETUP_H_
