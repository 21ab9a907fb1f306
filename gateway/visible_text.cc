#include "gateway/visible_text.h"

#include <cstdint>

namespace postern {
namespace {

struct Character {
  uint32_t code = 0;
  size_t size = 0;  // bytes; 0 when the bytes are not well-formed (RFC 3629)
};

Character Decode(std::string_view text) {
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

// Controls, and those that change how what follows is shown.
bool Invisible(uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0xAD || code == 0x61C ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
}

void AppendByte(char c, std::string& out) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const auto byte = static_cast<uint8_t>(c);
  out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
}

}  // namespace

void AppendVisible(std::string_view text, size_t size_max, std::string& out) {
  const bool cut = text.size() > size_max;
  size_t size_left = cut ? size_max : text.size();
  while (size_left > 0) {
    const Character character = Decode(text);
    const size_t size = character.size == 0 ? 1 : character.size;
    if (size > size_left) break;
    if (character.size == 0 || Invisible(character.code)) {
      for (const char c : text.substr(0, size)) AppendByte(c, out);
    } else {
      if (text[0] == '"' || text[0] == '\\') out += '\\';
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
    size_left -= size;
  }
  if (cut) out += "...";
}

std::string VisibleText(std::string_view text, size_t size_max) {
  std::string out;
  AppendVisible(text, size_max, out);
  return out;
}

}  // namespace postern
