#include "relay/destination_book.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/ascii.h"
#include "smtp/address.h"

namespace postern {
namespace {

constexpr size_t kTypingErrorsMax = 2;  // that still look like a name

void Normalise(std::string_view text, std::string& normal) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  normal = text;
  absl::AsciiStrToLower(&normal);
}

// Letters to insert, to drop or to change, to make one of the other; more than kTypingErrorsMax need not be exact.
size_t EditDistance(std::string_view from, std::string_view to) {
  const size_t size_difference = std::max(from.size(), to.size()) - std::min(from.size(), to.size());
  if (size_difference > kTypingErrorsMax) return size_difference;
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

bool LooksLike(std::string_view typed, std::string_view name) {
  if (typed.empty()) return false;
  return name.find(typed) != std::string_view::npos || typed.ends_with(name) ||
         EditDistance(typed, name) <= kTypingErrorsMax;
}

}  // namespace

DestinationBook::DestinationBook(const RouteTable& routes, std::string hostname)
    : routes_(routes), hostname_(std::move(hostname)) {
  CHECK_EQ(Add("dead-letters", kNoRoute, {}), dead_letters());
  CHECK_EQ(Add("no-route", kNoRoute, {}), no_route());
  for (uint32_t i = 0; i < routes.count(); ++i) {
    const Route& route = routes.route(i);
    if (route.kind == RouteKind::kMx) {
      route_entries_.push_back(kNoRoute);
      continue;
    }
    std::string name;
    Normalise(route.match, name);
    // A route may be called as one of ours is.
    while (entries_by_name_.contains(name)) name.insert(0, 1, '#');
    route_entries_.push_back(Add(std::move(name), i, {}));
  }
}

uint32_t DestinationBook::Find(std::string_view address) {
  std::string_view domain = DomainOf(address);
  if (domain.empty()) domain = hostname_;
  const std::optional<uint32_t> route = routes_.Find(domain);
  if (!route.has_value()) return no_route();
  return routes_.route(*route).kind == RouteKind::kMx ? FindDomain(*route, domain) : route_entries_[*route];
}

// The name is the domain, or, when a route is called like that (as "example.org" beside "#example.org", an mx), the
// domain behind a '#'. No domain holds one, so the names of domains never meet.
uint32_t DestinationBook::FindDomain(uint32_t route, std::string_view domain) {
  Normalise(domain, scratch_);
  const size_t domain_size = scratch_.size();
  for (;;) {
    const std::string_view normal = std::string_view(scratch_).substr(scratch_.size() - domain_size);
    const auto entry = entries_by_name_.find(scratch_);
    if (entry == entries_by_name_.end()) return Add(scratch_, route, normal);
    if (entries_[entry->second].domain == normal) return entry->second;
    scratch_.insert(0, 1, '#');
  }
}

std::optional<uint32_t> DestinationBook::FindName(std::string_view name) const {
  std::string normal;
  Normalise(name, normal);
  const auto entry = entries_by_name_.find(normal);
  if (entry == entries_by_name_.end()) return std::nullopt;
  return entry->second;
}

std::vector<std::string> DestinationBook::NamesLike(std::string_view name, size_t count_max) const {
  std::string normal;
  Normalise(name, normal);
  std::vector<std::string> names;
  for (const Entry& entry : entries_) {
    if (names.size() == count_max) break;
    if (entry.used && LooksLike(normal, entry.name)) names.push_back(entry.name);
  }
  return names;
}

void DestinationBook::Remove(uint32_t destination) {
  Entry& entry = entries_[destination];
  CHECK(entry.used && !entry.domain.empty()) << "only a domain's destination goes: " << entry.name;
  entries_by_name_.erase(entry.name);
  entry = {};
  free_.push_back(destination);
}

uint32_t DestinationBook::Add(std::string name, uint32_t route, std::string_view domain) {
  uint32_t destination = count();
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    destination = free_.back();
    free_.pop_back();
  }
  entries_by_name_[name] = destination;
  entries_[destination] = {.name = std::move(name), .route = route, .domain = std::string(domain), .used = true};
  return destination;
}

}  // namespace postern
