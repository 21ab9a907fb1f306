#include "relay/way_finder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "relay/ascii_domain.h"

namespace postern {
namespace {

// RFC 5321 4.1.3, without its brackets.
std::optional<IpAddress> ParseLiteral(std::string_view text) {
  if (absl::StartsWithIgnoreCase(text, "IPv6:")) return IpAddress::Parse(text.substr(5));
  const std::optional<IpAddress> ip = IpAddress::Parse(text);
  return ip.has_value() && ip->family == AddressFamily::kIPv4 ? ip : std::nullopt;
}

}  // namespace

WayFinder::WayFinder(WayOptions options, DnsCache& names)
    : options_(std::move(options)), names_(names), random_(options_.seed) {}

bool WayFinder::IsOwn(std::string_view name, std::span<const SocketAddress> addresses) const {
  return absl::EqualsIgnoreCase(name, options_.hostname) ||
         std::any_of(addresses.begin(), addresses.end(),
                     [this](const SocketAddress& address) { return IsOwnAddress(address); });
}

bool WayFinder::IsOwnAddress(const SocketAddress& address) const {
  return std::any_of(options_.own_addresses.begin(), options_.own_addresses.end(), [&](const SocketAddress& own) {
    if (own.family() != address.family() || own.port != address.port) return false;
    return own.ip == address.ip || (own.ip.IsWildcard() && address.ip.IsLoopback());
  });
}

void WaySearch::Start(const Route& route, std::string_view domain) {
  CHECK(route.speaks_smtp());
  Stop();
  route_ = &route;
  domain_ = domain;
  way_ = {};
  next_ = 0;
  implicit_ = false;
  trouble_ = DnsStatus::kFound;
  trouble_text_.clear();
  if (route.kind != RouteKind::kMx) return StartNamed(route);
  if (absl::StartsWith(domain, "[")) return StartLiteral();
  std::optional<std::string> name = ToAsciiDomain(domain);
  if (!name.has_value()) return Refuse("5.1.2", "the recipient's domain is not UTF-8");
  name_ = *std::move(name);
  stage_ = Stage::kExchanges;
}

void WaySearch::StartNamed(const Route& route) {
  if (!route.unix_socket.empty()) {
    way_.hosts = {{.name = route.unix_socket, .port = 0, .addresses = {SocketAddress::Unix(route.unix_socket)}}};
    stage_ = Stage::kFound;
    return;
  }
  const size_t count = route.next_hops.size();
  const size_t first = finder_.NextTurn(route);
  for (size_t i = 0; i < count; ++i) {
    const HostPort& hop = route.next_hops[(first + i) % count];
    WayHost& host = way_.hosts.emplace_back(WayHost{.name = hop.host, .port = hop.port});
    const std::optional<IpAddress> literal = IpAddress::Parse(hop.host);
    if (literal.has_value()) host.addresses = {{.ip = *literal, .port = hop.port, .path = {}}};
  }
  stage_ = Stage::kAddresses;
}

void WaySearch::StartLiteral() {
  stage_ = Stage::kFound;
  std::string_view text = domain_;
  const bool whole = absl::ConsumePrefix(&text, "[") && absl::ConsumeSuffix(&text, "]");
  const std::optional<IpAddress> ip = whole ? ParseLiteral(text) : std::nullopt;
  if (!ip.has_value() || ip->IsWildcard()) {
    return Refuse("5.1.2", absl::StrCat(domain_, " is no address of a host"));
  }
  const SocketAddress address = {.ip = *ip, .port = route_->port, .path = {}};
  if (finder_.IsOwnAddress(address)) {
    return Refuse("5.4.6", absl::StrCat("mail for ", domain_, " loops back to us"));
  }
  way_.hosts = {{.name = ip->ToString(), .port = route_->port, .addresses = {address}}};
}

const Way* WaySearch::Find(MonotonicTime now) {
  if (stage_ == Stage::kExchanges) {
    const DnsQuestion* const answer = Ask(name_, DnsType::kMx, now);
    if (answer == nullptr) return nullptr;
    stage_ = Stage::kAddresses;
    TakeExchanges(*answer);
  }
  if (stage_ == Stage::kAddresses) {
    // All are asked at once, and waited for one by one.
    if (next_ == 0) {
      for (const WayHost& host : way_.hosts) {
        if (host.addresses.empty()) finder_.names().Find(host.name, DnsType::kAddresses, now);
      }
    }
    for (; next_ < way_.hosts.size(); ++next_) {
      WayHost& host = way_.hosts[next_];
      if (!host.addresses.empty()) continue;
      const DnsQuestion* const answer = Ask(host.name, DnsType::kAddresses, now);
      if (answer == nullptr) return nullptr;
      TakeAddresses(host, *answer);
    }
    Finish();
  }
  return &way_;
}

const DnsQuestion* WaySearch::Ask(const std::string& name, DnsType type, MonotonicTime now) {
  const DnsQuestion* const answer = finder_.names().Find(name, type, now);
  if (answer == nullptr && waiter_.question == nullptr) finder_.names().Wait(name, type, waiter_);
  return answer;
}

void WaySearch::TakeExchanges(const DnsQuestion& answer) {
  struct Place {
    uint16_t preference;
    uint64_t lot;  // decides between equals
    const std::string* host;
  };
  std::vector<Place> places;
  switch (answer.status) {
    case DnsStatus::kFound: break;
    case DnsStatus::kNoName: return Refuse("5.1.2", absl::StrCat("there is no domain ", domain_));
    case DnsStatus::kFailed:
      return Defer("4.4.3", absl::StrCat("cannot look up the mail exchanges of ", domain_, ": ", answer.text));
    case DnsStatus::kNoData: implicit_ = true; places.push_back({.preference = 0, .lot = 0, .host = &name_});
  }
  for (const MailExchange& exchange : answer.exchanges) {
    if (exchange.host.empty()) continue;
    places.push_back({.preference = exchange.preference, .lot = finder_.NextRandom(), .host = &exchange.host});
  }
  if (places.empty()) return Refuse("5.1.10", absl::StrCat(domain_, " takes no mail (null MX)"));
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::pair(a.preference, a.lot) < std::pair(b.preference, b.lot);
  });
  for (const Place& place : places) {
    way_.hosts.push_back({.name = *place.host, .port = route_->port, .preference = place.preference});
  }
  DropOurselves();
  if (way_.hosts.size() > WayFinder::kHostCountMax) way_.hosts.resize(WayFinder::kHostCountMax);
}

void WaySearch::TakeAddresses(WayHost& host, const DnsQuestion& answer) {
  for (const IpAddress& ip : answer.addresses) {
    if (!ip.IsWildcard()) host.addresses.push_back({.ip = ip.Unmapped(), .port = host.port, .path = {}});
  }
  if (!host.addresses.empty() || trouble_ == DnsStatus::kFailed) return;
  trouble_ = answer.status == DnsStatus::kFound ? DnsStatus::kNoData : answer.status;
  trouble_text_ = absl::StrCat(host.name, ": ", answer.text.empty() ? "no address" : answer.text);
}

// Drops ourselves, and all exchanges that are no better than we are: they would only give the mail to us.
void WaySearch::DropOurselves() {
  if (route_->kind != RouteKind::kMx || way_.hosts.empty()) return;
  const auto ourselves = std::find_if(way_.hosts.begin(), way_.hosts.end(),
                                      [this](const WayHost& host) { return finder_.IsOwn(host.name, host.addresses); });
  if (ourselves == way_.hosts.end()) return;
  const uint16_t preference = ourselves->preference;
  std::erase_if(way_.hosts, [preference](const WayHost& host) { return host.preference >= preference; });
  if (way_.hosts.empty()) Refuse("5.4.6", absl::StrCat("mail for ", domain_, " loops back to us"));
}

void WaySearch::Finish() {
  DropOurselves();
  if (stage_ == Stage::kFound) return;
  stage_ = Stage::kFound;
  const bool reachable =
      std::any_of(way_.hosts.begin(), way_.hosts.end(), [](const WayHost& host) { return !host.addresses.empty(); });
  if (reachable) return;
  if (trouble_ == DnsStatus::kFailed) return Defer("4.4.3", absl::StrCat("cannot look up ", trouble_text_));
  if (!implicit_) return Defer("4.4.4", absl::StrCat("no host to be tried has an address: ", trouble_text_));
  if (trouble_ == DnsStatus::kNoName) return Refuse("5.1.2", absl::StrCat("there is no domain ", domain_));
  Refuse("5.4.4", absl::StrCat(domain_, " has neither mail exchanges nor an address"));
}

void WaySearch::Refuse(std::string_view enhanced, std::string text) {
  stage_ = Stage::kFound;
  way_.hosts.clear();
  way_.verdict.fate = Fate::kRefused;
  way_.verdict.reply = {.code = 0, .enhanced = std::string(enhanced), .text = std::move(text)};
}

void WaySearch::Defer(std::string_view enhanced, std::string text) {
  stage_ = Stage::kFound;
  way_.hosts.clear();
  way_.verdict.fate = Fate::kDeferred;
  way_.verdict.reply = {.code = 0, .enhanced = std::string(enhanced), .text = std::move(text)};
}

}  // namespace postern
