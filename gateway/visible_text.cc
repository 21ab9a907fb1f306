#include "gateway/visible_text.h"

#include <cstdint>

#include "core/utf8.h"

namespace postern {
namespace {

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
    const Utf8Character character = DecodeUtf8(text);
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
