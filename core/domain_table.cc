#include "core/domain_table.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "core/limits.h"

namespace postern {
namespace {

std::string_view WithoutFinalDot(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  return domain;
}

absl::Status AddOnce(std::optional<uint32_t>& place, uint32_t value) {
  if (place.has_value()) return absl::InvalidArgumentError("there is another rule of this name");
  place = value;
  return absl::OkStatus();
}

}  // namespace

absl::Status DomainTable::Add(std::string_view rule, uint32_t value) {
  if (rule == "*") return AddOnce(default_, value);
  const bool exact = rule.starts_with('#');
  const std::string_view domain = WithoutFinalDot(rule.substr(exact ? 1 : 0));
  const bool sane = !domain.empty() && !domain.starts_with('.') && domain.size() <= kDomainSizeMax &&
                    domain.find_first_of("*@# ") == std::string_view::npos;
  if (!sane) {
    return absl::InvalidArgumentError(
        "must be a domain (its subdomains are implied), #domain for the domain alone, or *");
  }
  Rules& rules = rules_[absl::AsciiStrToLower(domain)];
  return AddOnce(exact ? rules.exact : rules.suffix, value);
}

std::optional<uint32_t> DomainTable::Find(std::string_view domain) const {
  domain = WithoutFinalDot(domain);
  if (domain.size() > kDomainSizeMax) return default_;  // no domain is that long
  std::array<char, kDomainSizeMax> memory;
  std::transform(domain.begin(), domain.end(), memory.begin(), absl::ascii_tolower);
  const std::string_view whole(memory.data(), domain.size());
  std::string_view suffix = whole;
  while (!suffix.empty()) {
    if (const auto found = rules_.find(suffix); found != rules_.end()) {
      const Rules& rules = found->second;
      if (rules.exact.has_value() && suffix.size() == whole.size()) return rules.exact;
      if (rules.suffix.has_value()) return rules.suffix;
    }
    const size_t dot = whole.starts_with('[') ? std::string_view::npos : suffix.find('.');
    if (dot == std::string_view::npos) break;
    suffix.remove_prefix(dot + 1);
  }
  return default_;
}

}  // namespace postern
