#include "smtp/peer_offers.h"

#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace postern {
namespace {

// What is no number is no limit.
template <typename Number>
Number ParseLimit(absl::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : 0;
}

// RFC 9422 3: NAME=VALUE, blanks between them.
void ParseLimits(absl::string_view parameters, PeerOffers& offers) {
  for (const absl::string_view parameter : absl::StrSplit(parameters, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> limit = absl::StrSplit(parameter, absl::MaxSplits('=', 1));
    const auto value = ParseLimit<uint32_t>(limit.second);
    if (absl::EqualsIgnoreCase(limit.first, "MAILMAX")) offers.mail_count_max = value;
    if (absl::EqualsIgnoreCase(limit.first, "RCPTMAX")) offers.recipient_count_max = value;
    if (absl::EqualsIgnoreCase(limit.first, "RCPTDOMAINMAX")) offers.recipient_domain_count_max = value;
  }
}

}  // namespace

PeerOffers ParsePeerOffers(std::string_view ehlo_text) {
  PeerOffers offers;
  bool first = true;
  for (const absl::string_view line : absl::StrSplit(ehlo_text, '\n')) {
    if (std::exchange(first, false)) continue;
    const std::pair<absl::string_view, absl::string_view> offer = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    const auto& [keyword, parameters] = offer;
    if (absl::EqualsIgnoreCase(keyword, "PIPELINING")) offers.pipelining = true;
    if (absl::EqualsIgnoreCase(keyword, "CHUNKING")) offers.chunking = true;
    if (absl::EqualsIgnoreCase(keyword, "8BITMIME")) offers.eight_bit = true;
    if (absl::EqualsIgnoreCase(keyword, "SMTPUTF8")) offers.utf8 = true;
    if (absl::EqualsIgnoreCase(keyword, "DSN")) offers.dsn = true;
    if (absl::EqualsIgnoreCase(keyword, "LIMITS")) ParseLimits(parameters, offers);
    if (absl::EqualsIgnoreCase(keyword, "SIZE")) {
      offers.size = true;
      offers.message_size_max = ParseLimit<uint64_t>(absl::StripAsciiWhitespace(parameters));
    }
  }
  return offers;
}

}  // namespace postern
