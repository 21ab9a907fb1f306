#include "core/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

using std::string_literals::operator""s;

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

TEST(Utf8, IsWellFormedOrNot) {
  for (const std::string& text : {""s, "a\0b"s, "\x7F"s, "\xC2\x80"s, "\xDF\xBF"s, "\xE0\xA0\x80"s, "\xED\x9F\xBF"s,
                                  "\xEE\x80\x80"s, "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s}) {
    EXPECT_TRUE(IsUtf8(text)) << testing::PrintToString(text);
  }
  for (const std::string& text :
       {"\x80"s, "\xC0\x80"s, "\xC1\xBF"s, "\xC2"s, "\xC2 "s, "\xE0\x9F\xBF"s, "\xED\xA0\x80"s, "\xE2\x82"s,
        "\xE2\x82 "s, "\xF0\x8F\xBF\xBF"s, "\xF4\x90\x80\x80"s, "\xF5\x80\x80\x80"s, "\xF0\x90\x80"s, "\xFF"s, "\xC3("s,
        "good, then \xE2\x82"s, "a\xC2\x80\x80"s}) {
    EXPECT_FALSE(IsUtf8(text)) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace postern
