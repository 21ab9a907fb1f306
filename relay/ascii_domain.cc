#include "relay/ascii_domain.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/utf8.h"

namespace postern {
namespace {

// RFC 3492 5.
constexpr uint32_t kBase = 36;
constexpr uint32_t kThresholdMin = 1;
constexpr uint32_t kThresholdMax = 26;
constexpr uint32_t kSkew = 38;
constexpr uint32_t kDamp = 700;
constexpr uint32_t kFirstBias = 72;
constexpr uint32_t kFirstCode = 0x80;

char Digit(uint32_t value) { return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26)); }

// RFC 3492 6.1.
uint32_t Adapt(uint32_t delta, uint32_t count, bool first) {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / count;
  uint32_t k = 0;
  for (; delta > (kBase - kThresholdMin) * kThresholdMax / 2; k += kBase) delta /= kBase - kThresholdMin;
  return k + (kBase - kThresholdMin + 1) * delta / (delta + kSkew);
}

// A number in digits whose weights depend on the bias (RFC 3492 3.3).
void AppendNumber(uint32_t number, uint32_t bias, std::string& out) {
  for (uint32_t k = kBase;; k += kBase) {
    const uint32_t threshold = k <= bias ? kThresholdMin : std::min(k - bias, kThresholdMax);
    if (number < threshold) break;
    out += Digit(threshold + (number - threshold) % (kBase - threshold));
    number = (number - threshold) / (kBase - threshold);
  }
  out += Digit(number);
}

// RFC 3492 6.3: the ASCII letters first, then where each of the others goes, in the order of their codes. A
// domain of kDomainSizeMax is too short for any of these numbers to overflow, and of a longer one no harm is done.
std::string Punycode(const std::vector<uint32_t>& codes) {
  std::string out;
  for (const uint32_t code : codes) {
    if (code < kFirstCode) out += static_cast<char>(code);
  }
  const auto ascii_count = static_cast<uint32_t>(out.size());
  if (ascii_count > 0) out += '-';
  uint32_t handled_count = ascii_count;
  uint32_t least = kFirstCode;
  uint32_t delta = 0;
  uint32_t bias = kFirstBias;
  while (handled_count < codes.size()) {
    uint32_t next = UINT32_MAX;
    for (const uint32_t code : codes) {
      if (code >= least) next = std::min(next, code);
    }
    delta += (next - least) * (handled_count + 1);
    least = next;
    for (const uint32_t code : codes) {
      if (code < least) ++delta;
      if (code != least) continue;
      AppendNumber(delta, bias, out);
      bias = Adapt(delta, handled_count + 1, handled_count == ascii_count);
      delta = 0;
      ++handled_count;
    }
    ++delta;
    ++least;
  }
  return out;
}

}  // namespace

std::optional<std::string> ToAsciiDomain(std::string_view domain) {
  std::string ascii;
  for (;;) {
    const size_t end = std::min(domain.find('.'), domain.size());
    std::string_view label = domain.substr(0, end);
    if (IsAscii(label)) {
      ascii += label;
    } else {
      std::vector<uint32_t> codes;
      while (!label.empty()) {
        const Utf8Character character = DecodeUtf8(label);
        if (character.size == 0) return std::nullopt;
        codes.push_back(character.code);
        label.remove_prefix(character.size);
      }
      ascii += "xn--" + Punycode(codes);
    }
    if (end == domain.size()) return ascii;
    ascii += '.';
    domain.remove_prefix(end + 1);
  }
}

}  // namespace postern
