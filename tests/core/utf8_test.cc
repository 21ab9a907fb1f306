#include "core/utf8.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

// Every code is written here by the definition of RFC 3629 3, and read back.
TEST(Utf8, ReadsEveryCharacter) {
  for (uint32_t code = 0; code <= 0x10FFFF; ++code) {
    std::string text;
    const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else if (code < 0x800) {
      text += static_cast<char>(0xC0 | code >> 6);
      tail(0);
    } else if (code < 0x10000) {
      text += static_cast<char>(0xE0 | code >> 12);
      tail(6), tail(0);
    } else {
      text += static_cast<char>(0xF0 | code >> 18);
      tail(12), tail(6), tail(0);
    }
    const Utf8Character character = DecodeUtf8(text + "x");
    if (code >= 0xD800 && code <= 0xDFFF) {
      ASSERT_EQ(character.size, 0u) << code;
      continue;
    }
    ASSERT_EQ(character.code, code);
    ASSERT_EQ(character.size, text.size()) << code;
    ASSERT_TRUE(IsUtf8(text)) << code;
    ASSERT_TRUE(text.size() == 1 || !IsUtf8(text.substr(0, text.size() - 1))) << code;
  }
}

TEST(Utf8, KnowsAscii) {
  for (const std::string& text : std::vector<std::string>{"", std::string("a\0b", 3), "\x7F\r\n"}) {
    EXPECT_TRUE(IsAscii(text)) << testing::PrintToString(text);
  }
  for (size_t i = 0; i < 100; ++i) {
    std::string text(100, 'x');
    text[i] = '\x80';
    EXPECT_FALSE(IsAscii(text)) << i;
  }
}

TEST(Utf8, IsWellFormedOrNot) {
  for (const std::string& text :
       std::vector<std::string>{"", std::string("a\0b", 3), "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
                                "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(text)) << testing::PrintToString(text);
  }
  for (const std::string& text :
       std::vector<std::string>{"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2 ", "\xE0\x9F\xBF", "\xED\xA0\x80",
                                "\xE2\x82", "\xE2\x82 ", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                                "\xF0\x90\x80", "\xFF", "\xC3(", "good, then \xE2\x82", "a\xC2\x80\x80"}) {
    EXPECT_FALSE(IsUtf8(text)) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace postern
