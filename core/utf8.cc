#include "core/utf8.h"

namespace postern {

Utf8Character DecodeUtf8(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {.code = first, .size = 1};
  const size_t size = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (size == 0 || text.size() < size) return {};
  uint32_t code = first & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3F);
  }
  // Written longer than needed, half of a UTF-16 pair, or past the end of Unicode.
  if ((size == 3 && code < 0x800) || (size == 4 && code < 0x10000)) return {};
  if ((code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) return {};
  return {.code = code, .size = size};
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = DecodeUtf8(text).size;
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

// Without leaving early, so that it is done many bytes at a time: most text has none.
bool IsAscii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

}  // namespace postern
