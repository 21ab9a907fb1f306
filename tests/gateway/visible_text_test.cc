#include "gateway/visible_text.h"

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(VisibleTextTest, WhatPeopleReadStaysAsItIs) {
  EXPECT_EQ(VisibleText("550 5.1.1 no such user"), "550 5.1.1 no such user");
  EXPECT_EQ(VisibleText("grüße@例え.example 🚪"), "grüße@例え.example 🚪");
}

TEST(VisibleTextTest, ControlsAreTold) {
  EXPECT_EQ(VisibleText(std::string_view("a\r\nb\tc\0d\x7F", 9)), "a\\r\\nb\\tc\\x00d\\x7F");
  EXPECT_EQ(VisibleText("\x1b[2J"), "\\x1B[2J");
  EXPECT_EQ(VisibleText("\xC2\x9B"), "\\xC2\\x9B") << "U+009B starts an escape sequence too";
  EXPECT_EQ(VisibleText("a\u202Eb"), "a\\xE2\\x80\\xAEb") << "text that runs backwards lies";
}

TEST(VisibleTextTest, QuotesCannotEndAQuotedValue) { EXPECT_EQ(VisibleText("a\"b\\"), "a\\\"b\\\\"); }

TEST(VisibleTextTest, BrokenUtf8IsToldByteByByte) {
  EXPECT_EQ(VisibleText("\xFF\xC3"), "\\xFF\\xC3");
  EXPECT_EQ(VisibleText("\xC0\xAF"), "\\xC0\\xAF") << "an overlong slash";
  EXPECT_EQ(VisibleText("\xE0\x80\xAF"), "\\xE0\\x80\\xAF");
  EXPECT_EQ(VisibleText("\xED\xA0\x80"), "\\xED\\xA0\\x80") << "a surrogate";
  EXPECT_EQ(VisibleText("\xF4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80") << "past U+10FFFF";
}

TEST(VisibleTextTest, ALongTextIsCutBetweenCharacters) {
  EXPECT_EQ(VisibleText("abcdef", 6), "abcdef");
  EXPECT_EQ(VisibleText("abcdef", 5), "abcde...");
  EXPECT_EQ(VisibleText("aüüü", 4), "aü...") << "half of the second character would be rubbish";
}

}  // namespace
}  // namespace postern
