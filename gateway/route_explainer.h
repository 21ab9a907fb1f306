// RouteExplainer finds out which way an address goes, with the very parts that the relay finds it with.
//
// `postern route` owns one, on the main thread, which waits for each answer, but only for so long. The simulator's or a
// test's DnsClient serves as well as the program's.

#ifndef POSTERN_GATEWAY_ROUTE_EXPLAINER_H_
#define POSTERN_GATEWAY_ROUTE_EXPLAINER_H_

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "gateway/config.h"
#include "gateway/route_explanation.h"
#include "net/dns_client.h"
#include "relay/dns_cache.h"
#include "relay/route.h"
#include "relay/way_finder.h"

namespace postern {

class RouteExplainer {
 public:
  static constexpr Duration kSearchTimeMax = std::chrono::seconds(15);  // for one address

  // Lets the sockets of the DnsClient go on, until something happens or `until`; the time afterwards.
  using Wait = std::function<MonotonicTime(MonotonicTime until)>;

  // All is lent and outlives it; `routes` are those of `config`. `own` is where this gateway listens.
  RouteExplainer(const Config& config, const RouteTable& routes, std::vector<SocketAddress> own, DnsClient& dns,
                 Wait wait);

  // `address` is a mailbox, or "postmaster".
  RouteExplanation Explain(std::string_view address);

 private:
  void ExplainHosts(const std::string& domain, RouteExplanation& explanation);
  // Lets answers come until `find` finds something; null when the time is over.
  template <typename Find>
  auto Await(const Find& find) -> decltype(find());
  // What DNS says of `name`; null when it says nothing in time. Lent until the next call.
  const DnsQuestion* Ask(const std::string& name, DnsType type);
  // Looks up the addresses of `host`, and notes when it has none.
  void FindAddresses(ExplainedHost& host);
  // The exchanges of `domain` that are not among the hosts, and why.
  void AddDroppedExchanges(const std::string& domain, RouteExplanation& explanation);
  void AddNamedHosts(const Route& route, RouteExplanation& explanation);

  const Config& config_;
  const RouteTable& routes_;
  const Wait wait_;
  DnsCache names_;
  WayFinder finder_;
  MonotonicTime now_;
  MonotonicTime deadline_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_ROUTE_EXPLAINER_H_
