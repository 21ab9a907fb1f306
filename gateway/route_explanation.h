// RouteExplanation is what `postern route` tells of one address: the rule that applies, and where its mail would go
// now.
//
// A plain value: RouteExplainer makes it, and it is shown as text or as JSON. All that came from DNS is data, made
// harmless when it is shown.

#ifndef POSTERN_GATEWAY_ROUTE_EXPLANATION_H_
#define POSTERN_GATEWAY_ROUTE_EXPLANATION_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/queue_json.h"
#include "net/address.h"
#include "relay/route.h"

namespace postern {

struct ExplainedHost {
  std::string name;  // or a literal address
  uint16_t port = 0;
  uint16_t preference = 0;                 // of a mail exchange
  std::vector<SocketAddress> addresses{};  // in the order to be tried
  bool tried = true;                       // false: mail does not go there
  std::string note{};                      // why not, or what is odd about it
};

struct RouteExplanation {
  enum class Verdict : uint8_t {
    kGoes,     // there is a way
    kWaits,    // not now: the name servers do not answer, or it is not what the gateway does in this mode
    kRefused,  // never, as things are
  };

  std::string address;
  const Route* route = nullptr;        // of the route table; null: no rule fits
  std::string mailbox{};               // kMaildir: the folder
  std::vector<ExplainedHost> hosts{};  // those that are tried come first, in their order
  Verdict verdict = Verdict::kGoes;
  std::string text{};  // why not, or a warning; may be empty
};

// Several lines. `file` is that of the configuration, for the rule's line; it may be empty.
std::string ToText(const RouteExplanation& explanation, std::string_view file);
Json ToJson(const RouteExplanation& explanation, std::string_view file);

}  // namespace postern

#endif  // POSTERN_GATEWAY_ROUTE_EXPLANATION_H_
