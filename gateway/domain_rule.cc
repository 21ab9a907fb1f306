#include "gateway/domain_rule.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "net/address.h"
#include "smtp/address.h"

namespace postern {

std::string DomainMistake(std::string_view text) {
  constexpr std::string_view kRight = "must be a domain of letters, digits, hyphens and dots, as \"mail.example.org\"";
  if (CheckDomain(text) != AddressError::kNone) return std::string(kRight);
  return {};
}

std::string DomainRuleMistake(std::string_view text) {
  if (std::string_view domain = text; absl::ConsumePrefix(&domain, "*.") && DomainMistake(domain).empty()) {
    return absl::StrCat("subdomains are implied: must be \"", domain, "\"");
  }
  if (absl::StartsWith(text, "[") && absl::EndsWith(text, "]")) {
    std::string_view literal = text.substr(1, text.size() - 2);
    absl::ConsumePrefix(&literal, "IPv6:");
    if (!IpAddress::Parse(literal).has_value()) return "must be an address literal as \"[192.0.2.1]\"";
    return {};
  }
  absl::ConsumePrefix(&text, "#");
  if (DomainMistake(text).empty()) return {};
  return "must be a domain as \"example.org\" (its subdomains are implied), or \"#example.org\" for the domain alone";
}

}  // namespace postern
