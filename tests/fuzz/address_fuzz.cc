// A path that is accepted is one by a second, naive reading of its parts, and says the same when it is read again.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/log/check.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/limits.h"
#include "core/utf8.h"
#include "smtp/address.h"

namespace postern {
namespace {

// Decodes a code point at a time and asks whether encoding it again would be as long.
bool NaiveIsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t size = first < 0x80           ? 1
                        : (first >> 5) == 0x06 ? 2
                        : (first >> 4) == 0x0E ? 3
                        : (first >> 3) == 0x1E ? 4
                                               : 0;
    if (size == 0 || i + size > text.size()) return false;
    uint32_t point = size == 1 ? first : first & (0x7Fu >> size);
    for (size_t k = 1; k < size; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if (byte < 0x80 || byte > 0xBF) return false;
      point = point << 6 | (byte & 0x3F);
    }
    const size_t size_needed = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (size_needed != size || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += size;
  }
  return true;
}

bool NaiveIsDomain(std::string_view domain) {
  if (domain.size() > kDomainSizeMax) return false;
  for (const std::string_view label : absl::StrSplit(domain, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (const char c : label) {
      const auto byte = static_cast<unsigned char>(c);
      if (!absl::ascii_isalnum(byte) && byte != '-' && byte != '_' && byte < 0x80) return false;
    }
  }
  return true;
}

bool NaiveIsLocalPart(std::string_view local) {
  if (local.empty() || local.size() > kLocalPartSizeMax) return false;
  const bool quoted = local.front() == '"';
  if (quoted && (local.size() < 2 || local.back() != '"')) return false;
  if (!quoted && (local.front() == '.' || local.back() == '.' || absl::StrContains(local, ".."))) return false;
  for (const char c : local) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 0x7F) return false;
    if (!quoted && absl::StrContains(" \"(),:;<>@[\\]", std::string_view(&c, 1))) return false;
  }
  return true;
}

void Check(std::string_view text) {
  const ParsedPath forward = ParseForwardPath(text);
  const ParsedPath reverse = ParseReversePath(text);
  CHECK_EQ(IsUtf8(text), NaiveIsUtf8(text));
  CHECK_EQ(CheckDomain(text) == AddressError::kNone, NaiveIsDomain(text));
  if (forward.error == AddressError::kNone) {
    const Path& path = forward.path;
    CHECK(forward.size <= text.size() && text.starts_with('<') && text[forward.size - 1] == '>');
    CHECK(NaiveIsLocalPart(path.local_part)) << path.local_part;
    CHECK(path.mailbox.data() + path.mailbox.size() == text.data() + forward.size - 1);
    CHECK_LE(path.mailbox.size() + 2, kPathSizeMax);
    const bool literal = path.domain.starts_with('[');
    if (path.domain.empty()) {
      CHECK_EQ(absl::AsciiStrToLower(path.mailbox), "postmaster");
      CHECK(reverse.error == AddressError::kDomainMissing);
    } else {
      CHECK(literal ? path.domain.ends_with(']') : NaiveIsDomain(path.domain)) << path.domain;
      CHECK_EQ(path.mailbox, absl::StrCat(path.local_part, "@", path.domain));
      CHECK(reverse.error == AddressError::kNone);
    }
    const std::string again = absl::StrCat("<", path.mailbox, ">");
    const ParsedPath read_again = ParseForwardPath(again);
    CHECK(read_again.error == AddressError::kNone);
    CHECK_EQ(read_again.path.mailbox, path.mailbox);
    CHECK_EQ(read_again.path.local_part, path.local_part);
    CHECK_EQ(read_again.size, again.size());
    if (path.eight_bit) CHECK(NaiveIsUtf8(text.substr(0, forward.size)));
  }
  if (forward.error != AddressError::kNone && reverse.error == AddressError::kNone) CHECK(text.starts_with("<>"));
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  postern::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
