// UTF-8 as the Unicode standard has it (table 3-7): no overlong forms, no surrogates, nothing over U+10FFFF.
//
// Pure functions over views, on any thread; nothing is allocated. Addresses are checked with them, and text of
// strangers before it is shown.

#ifndef POSTERN_CORE_UTF8_H_
#define POSTERN_CORE_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern {

struct Utf8Character {
  uint32_t code = 0;
  size_t size = 0;  // bytes; 0 when they are not well-formed
};

// The first character of `text`, which is not empty.
Utf8Character DecodeUtf8(std::string_view text);

// All of `text` is well-formed.
bool IsUtf8(std::string_view text);
// No byte of `text` is over 127.
bool IsAscii(std::string_view text);

}  // namespace postern

#endif  // POSTERN_CORE_UTF8_H_
