#include "gateway/route_explainer.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "relay/ascii_domain.h"
#include "smtp/address.h"
#include "smtp/client_conversation.h"
#include "store/maildir.h"

namespace postern {
namespace {

using Verdict = RouteExplanation::Verdict;

}  // namespace

RouteExplainer::RouteExplainer(const Config& config, const RouteTable& routes, std::vector<SocketAddress> own,
                               DnsClient& dns, Wait wait)
    : config_(config),
      routes_(routes),
      wait_(std::move(wait)),
      names_(dns),
      finder_({.hostname = config.hostname, .own_addresses = std::move(own)}, names_) {}

RouteExplanation RouteExplainer::Explain(std::string_view address) {
  now_ = wait_(MonotonicTime{});  // no wait: what time it is
  deadline_ = now_ + kSearchTimeMax;
  RouteExplanation explanation{.address = std::string(address)};
  std::string domain = absl::AsciiStrToLower(DomainOf(address));
  if (domain.empty()) domain = absl::AsciiStrToLower(config_.hostname);
  const std::optional<uint32_t> index = routes_.Find(domain);
  if (!index.has_value()) {
    explanation.verdict = Verdict::kRefused;
    explanation.text = absl::StrCat("no route takes mail for ", domain);
    return explanation;
  }
  const Route& route = routes_.route(*index);
  explanation.route = &route;
  if (route.kind == RouteKind::kReject) {
    explanation.verdict = Verdict::kRefused;
    explanation.text = route.reject_text;
  } else if (route.kind == RouteKind::kMaildir) {
    const absl::StatusOr<std::string> mailbox =
        MaildirTemplate::Parse(route.maildir)->Expand(LocalPartOf(address), domain);
    explanation.mailbox = mailbox.value_or("");
    if (!mailbox.ok()) {
      explanation.verdict = Verdict::kRefused;
      explanation.text = mailbox.status().message();
    }
  } else if (route.speaks_smtp()) {
    ExplainHosts(domain, explanation);
  }
  if (explanation.verdict == Verdict::kGoes && !DeliversNow(config_.transfer, route.kind)) {
    explanation.verdict = Verdict::kWaits;
    explanation.text = absl::StrCat("the gateway's mode is transfer = \"", ToText(config_.transfer), "\"");
  }
  return explanation;
}

template <typename Find>
auto RouteExplainer::Await(const Find& find) -> decltype(find()) {
  auto found = find();
  while (found == nullptr) {
    const MonotonicTime wake = names_.Turn(now_);
    found = find();
    if (found != nullptr || now_ >= deadline_) break;
    now_ = wait_(names_.HasWork() ? now_ : std::min(wake, deadline_));
  }
  return found;
}

void RouteExplainer::ExplainHosts(const std::string& domain, RouteExplanation& explanation) {
  const Route& route = *explanation.route;
  if (!route.unix_socket.empty()) return;
  WaySearch search(
      finder_, [](DnsWaiter&) {}, nullptr);
  search.Start(route, domain);
  const Way* const way = Await([&] { return search.Find(now_); });
  if (way == nullptr) {
    explanation.verdict = Verdict::kWaits;
    explanation.text = "the name servers have not answered yet";
    return;
  }
  for (const WayHost& found : way->hosts) {
    ExplainedHost& host = explanation.hosts.emplace_back(ExplainedHost{
        .name = found.name, .port = found.port, .preference = found.preference, .addresses = found.addresses});
    if (host.addresses.empty()) FindAddresses(host);
  }
  if (way->hosts.empty()) {
    const bool refused = way->verdict.fate == Fate::kRefused;
    explanation.verdict = refused ? Verdict::kRefused : Verdict::kWaits;
    explanation.text = absl::StrCat(way->verdict.reply.enhanced, " ", way->verdict.reply.text);
  }
  if (route.kind == RouteKind::kMx) {
    AddDroppedExchanges(domain, explanation);
  } else {
    AddNamedHosts(route, explanation);
  }
  std::stable_partition(explanation.hosts.begin(), explanation.hosts.end(),
                        [](const ExplainedHost& host) { return host.tried; });
}

const DnsQuestion* RouteExplainer::Ask(const std::string& name, DnsType type) {
  return Await([&] { return names_.Find(name, type, now_); });
}

void RouteExplainer::FindAddresses(ExplainedHost& host) {
  const DnsQuestion* const answer = Ask(host.name, DnsType::kAddresses);
  if (answer != nullptr) {
    for (const IpAddress& ip : answer->addresses) {
      if (!ip.IsWildcard()) host.addresses.push_back({.ip = ip.Unmapped(), .port = host.port, .path = {}});
    }
  }
  if (!host.addresses.empty()) return;
  host.tried = false;
  const bool said = answer != nullptr && !answer->text.empty();
  host.note = absl::StrCat("has no address", said ? ": " : "", said ? answer->text : "");
}

void RouteExplainer::AddDroppedExchanges(const std::string& domain, RouteExplanation& explanation) {
  const std::optional<std::string> name = ToAsciiDomain(domain);
  if (!name.has_value() || IsAddressLiteral(domain)) return;
  const DnsQuestion* const answer = Ask(*name, DnsType::kMx);
  if (answer == nullptr) return;
  std::vector<MailExchange> exchanges = answer->exchanges;
  std::stable_sort(exchanges.begin(), exchanges.end(),
                   [](const MailExchange& a, const MailExchange& b) { return a.preference < b.preference; });
  std::vector<ExplainedHost> dropped;
  for (const MailExchange& exchange : exchanges) {
    const auto is_tried = [&exchange](const ExplainedHost& host) { return host.name == exchange.host; };
    if (exchange.host.empty() || std::any_of(explanation.hosts.begin(), explanation.hosts.end(), is_tried)) continue;
    FindAddresses(dropped.emplace_back(
        ExplainedHost{.name = exchange.host, .port = explanation.route->port, .preference = exchange.preference}));
  }
  const auto ourselves = std::find_if(dropped.begin(), dropped.end(), [this](const ExplainedHost& host) {
    return finder_.IsOwn(host.name, host.addresses);
  });
  for (ExplainedHost& host : dropped) {
    host.tried = false;
    if (finder_.IsOwn(host.name, host.addresses)) {
      host.note = "this is the gateway itself";
    } else if (ourselves != dropped.end() && host.preference >= ourselves->preference) {
      host.note = "no better than the gateway itself";
    } else if (host.note.empty()) {
      host.note = absl::StrCat("only the best ", WayFinder::kHostCountMax, " are tried");
    }
  }
  explanation.hosts.insert(explanation.hosts.end(), dropped.begin(), dropped.end());
}

void RouteExplainer::AddNamedHosts(const Route& route, RouteExplanation& explanation) {
  // Without any address there was no way, and no hosts of one.
  if (explanation.hosts.empty()) {
    for (const HostPort& hop : route.next_hops) {
      ExplainedHost& host = explanation.hosts.emplace_back(ExplainedHost{.name = hop.host, .port = hop.port});
      FindAddresses(host);
    }
  }
  for (ExplainedHost& host : explanation.hosts) {
    if (finder_.IsOwn(host.name, host.addresses)) host.note = "this is the gateway itself: mail would go round";
  }
}

}  // namespace postern
