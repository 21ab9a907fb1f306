#include "smtp/address.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "core/limits.h"
#include "core/utf8.h"

namespace postern {
namespace {

constexpr size_t kLabelSizeMax = 63;  // RFC 1035 2.3.4

// Where a byte may stand.
constexpr uint8_t kInAtom = 1;    // RFC 5322 3.2.3
constexpr uint8_t kInQuotes = 2;  // RFC 5321 4.1.2 qtextSMTP; behind a backslash `"` and `\` too
constexpr uint8_t kInLabel = 4;

constexpr std::array<uint8_t, 256> kPlaces = [] {
  std::array<uint8_t, 256> places{};
  const auto allow = [&places](std::string_view bytes, uint8_t place) {
    for (const char c : bytes) places[static_cast<unsigned char>(c)] |= place;
  };
  constexpr std::string_view kAlnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  allow(kAlnum, kInAtom | kInLabel);
  allow("!#$%&'*+-/=?^_`{|}~", kInAtom);
  allow("-_", kInLabel);
  for (size_t byte = ' '; byte < 0x7F; ++byte) places[byte] |= kInQuotes;
  places['"'] = places['\\'] = 0;
  for (size_t byte = 0x80; byte < places.size(); ++byte) places[byte] = kInAtom | kInQuotes | kInLabel;  // RFC 6531 3.3
  return places;
}();

bool MayStand(char c, uint8_t place) { return (kPlaces[static_cast<unsigned char>(c)] & place) != 0; }

// How much of `text` is a local part; nothing when it does not start with one.
size_t DotStringSize(std::string_view text) {
  size_t end = 0;
  for (bool atom_started = false; end < text.size(); ++end) {
    const bool dot = text[end] == '.';
    if (!dot && !MayStand(text[end], kInAtom)) break;
    if (dot && !atom_started) return 0;
    atom_started = !dot;
  }
  return end > 0 && text[end - 1] == '.' ? 0 : end;
}

size_t QuotedStringSize(std::string_view text) {
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') {
      if (++i == text.size() || !absl::ascii_isprint(static_cast<unsigned char>(text[i]))) return 0;
    } else if (!MayStand(text[i], kInQuotes)) {
      return 0;
    }
  }
  return 0;
}

// "@one.example,@two.example:" before a mailbox (RFC 5321 appendix C): how much of `text` that is; nothing for a wrong
// one.
size_t SourceRouteSize(std::string_view text) {
  for (size_t start = 0;;) {
    if (start == text.size() || text[start] != '@') return 0;
    const size_t end = text.find_first_of(",:", start);
    if (end == std::string_view::npos) return 0;
    if (CheckDomain(text.substr(start + 1, end - start - 1)) != AddressError::kNone) return 0;
    start = end + 1;
    if (text[end] == ':') return start;
  }
}

bool IsIpv4(std::string_view text) {
  for (int octet = 1;; ++octet) {
    size_t size = 0;
    unsigned value = 0;
    while (size < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[size])) && size < 4) {
      value = value * 10 + static_cast<unsigned>(text[size++] - '0');
    }
    if (size == 0 || size > 3 || value > 255) return false;
    text.remove_prefix(size);
    if (octet == 4) return text.empty();
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
  }
}

bool IsIpv6(std::string_view text) {
  size_t group_count = 0;
  bool gap = text.starts_with("::");  // stands for as many zeros as are missing
  if (gap) text.remove_prefix(2);
  if (gap && text.empty()) return true;
  for (;;) {
    size_t size = 0;
    while (size < text.size() && absl::ascii_isxdigit(static_cast<unsigned char>(text[size]))) ++size;
    if (size < text.size() && text[size] == '.') {
      if (!IsIpv4(text)) return false;
      group_count += 2;
      break;
    }
    if (size == 0 || size > 4) return false;
    ++group_count;
    text.remove_prefix(size);
    if (text.empty()) break;
    if (!text.starts_with(':')) return false;
    text.remove_prefix(1);
    if (text.starts_with(':')) {
      if (std::exchange(gap, true)) return false;
      text.remove_prefix(1);
      if (text.empty()) break;
    }
  }
  return gap ? group_count < 8 : group_count == 8;
}

enum class Direction : uint8_t { kReverse, kForward };

AddressError CheckMailbox(const Path& path, Direction direction) {
  if (path.local_part.size() > kLocalPartSizeMax) return AddressError::kLocalPartTooLong;
  if (path.domain.empty()) {
    const bool postmaster = direction == Direction::kForward && absl::EqualsIgnoreCase(path.local_part, "postmaster");
    return postmaster && path.mailbox == path.local_part ? AddressError::kNone : AddressError::kDomainMissing;
  }
  const bool literal = path.domain.starts_with('[');
  const AddressError error = literal ? AddressError::kNone : CheckDomain(path.domain);
  if (error != AddressError::kNone) return error;
  if (literal && !IsAddressLiteral(path.domain)) return AddressError::kLiteral;
  return path.mailbox.size() + 2 > kPathSizeMax ? AddressError::kPathTooLong : AddressError::kNone;
}

ParsedPath ParsePath(std::string_view text, Direction direction) {
  const auto wrong = [](AddressError error) { return ParsedPath{.error = error}; };
  if (!text.starts_with('<')) return wrong(AddressError::kNotAPath);
  if (direction == Direction::kReverse && text.starts_with("<>")) return {.size = 2};

  size_t start = 1;
  if (text.substr(start).starts_with('@')) {
    const size_t route_size = SourceRouteSize(text.substr(start));
    if (route_size == 0) return wrong(AddressError::kSourceRoute);
    start += route_size;
  }
  const std::string_view rest = text.substr(start);
  const size_t local_size = rest.starts_with('"') ? QuotedStringSize(rest) : DotStringSize(rest);
  if (local_size == 0) return wrong(AddressError::kLocalPart);
  if (local_size == rest.size()) return wrong(AddressError::kNotAPath);
  if (rest[local_size] != '@' && rest[local_size] != '>') return wrong(AddressError::kLocalPart);
  const size_t end = rest.find('>', local_size);
  if (end == std::string_view::npos) return wrong(AddressError::kNotAPath);

  ParsedPath parsed{.size = start + end + 1};
  parsed.path.mailbox = rest.substr(0, end);
  parsed.path.local_part = rest.substr(0, local_size);
  if (end > local_size) parsed.path.domain = rest.substr(local_size + 1, end - local_size - 1);
  const std::string_view whole = text.substr(0, parsed.size);
  parsed.path.eight_bit = !IsAscii(whole);
  parsed.error = CheckMailbox(parsed.path, direction);
  if (parsed.error == AddressError::kNone && parsed.path.eight_bit && !IsUtf8(whole))
    parsed.error = AddressError::kUtf8;
  return parsed;
}

}  // namespace

ParsedPath ParseReversePath(std::string_view text) { return ParsePath(text, Direction::kReverse); }

ParsedPath ParseForwardPath(std::string_view text) { return ParsePath(text, Direction::kForward); }

std::string_view DomainOf(std::string_view mailbox) {
  const size_t at = mailbox.rfind('@');
  return at == std::string_view::npos ? std::string_view() : mailbox.substr(at + 1);
}

std::string_view LocalPartOf(std::string_view mailbox) { return mailbox.substr(0, mailbox.rfind('@')); }

AddressError CheckDomain(std::string_view domain) {
  if (domain.size() > kDomainSizeMax) return AddressError::kDomainTooLong;
  for (size_t start = 0; start <= domain.size();) {
    const size_t end = std::min(domain.find('.', start), domain.size());
    const std::string_view label = domain.substr(start, end - start);
    if (label.empty() || label.front() == '-' || label.back() == '-') return AddressError::kDomain;
    if (label.size() > kLabelSizeMax) return AddressError::kDomainTooLong;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return MayStand(c, kInLabel); })) {
      return AddressError::kDomain;
    }
    start = end + 1;
  }
  return AddressError::kNone;
}

bool IsAddressLiteral(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  constexpr std::string_view kIpv6Tag = "IPv6:";
  if (absl::StartsWithIgnoreCase(text, kIpv6Tag)) return IsIpv6(text.substr(kIpv6Tag.size()));
  return IsIpv4(text);
}

}  // namespace postern
