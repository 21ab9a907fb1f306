#include "smtp/reply_parser.h"

#include <array>
#include <cstring>
#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

// Feeds `bytes` in pieces of `cut` and returns the last status; stops at the first reply or bad one.
ReplyStatus Feed(ReplyParser& parser, std::string_view bytes, size_t cut) {
  std::array<char, 700> memory;
  RingBuffer ring(memory);
  ReplyStatus status = ReplyStatus::kNeedMore;
  while (!bytes.empty() && status == ReplyStatus::kNeedMore) {
    const std::span<char> room = ring.WritableSpan();
    const size_t size = std::min({cut, bytes.size(), room.size()});
    std::memcpy(room.data(), bytes.data(), size);
    ring.Commit(size);
    bytes.remove_prefix(size);
    status = parser.Next(ring);
  }
  return status;
}

TEST(ReplyParser, ReadsOneLineHoweverItIsCut) {
  for (size_t cut = 1; cut < 40; ++cut) {
    ReplyParser parser;
    ASSERT_EQ(Feed(parser, "550 5.1.1 no such user\r\n", cut), ReplyStatus::kReply);
    EXPECT_EQ(parser.reply().code, 550);
    EXPECT_EQ(parser.reply().enhanced, "5.1.1");
    EXPECT_EQ(parser.reply().text, "no such user");
  }
}

TEST(ReplyParser, JoinsLinesAndTakesTheEnhancedCodeOffEach) {
  for (size_t cut = 1; cut < 60; ++cut) {
    ReplyParser parser;
    ASSERT_EQ(Feed(parser, "450-4.7.1 wait\r\n450-4.7.1 a\r\n450 4.7.1 while\r\n", cut), ReplyStatus::kReply);
    EXPECT_EQ(parser.reply().enhanced, "4.7.1");
    EXPECT_EQ(parser.reply().text, "wait\na\nwhile");
  }
}

TEST(ReplyParser, AcceptsABareCodeAndALoneLf) {
  ReplyParser parser;
  ASSERT_EQ(Feed(parser, "250\r\n", 9), ReplyStatus::kReply);
  EXPECT_EQ(parser.reply().text, "");
  ASSERT_EQ(Feed(parser, "354 go\n", 9), ReplyStatus::kReply);
  EXPECT_EQ(parser.reply().text, "go");
}

TEST(ReplyParser, TheEnhancedCodeMustFitTheCode) {
  EXPECT_EQ(EnhancedCodePrefix(550, "5.1.1 x"), "5.1.1");
  EXPECT_EQ(EnhancedCodePrefix(550, "5.123.456"), "5.123.456");
  EXPECT_EQ(EnhancedCodePrefix(550, "4.1.1 x"), "");
  EXPECT_EQ(EnhancedCodePrefix(550, "5.1.1x"), "");
  EXPECT_EQ(EnhancedCodePrefix(550, "5.1234.1 x"), "");
  EXPECT_EQ(EnhancedCodePrefix(550, "5.1. x"), "");
  EXPECT_EQ(EnhancedCodePrefix(250, ""), "");
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  for (const char* bad :
       {"hello\r\n", "25\r\n", "150 x\r\n", "650 x\r\n", "2x0 x\r\n", "250x\r\n", "\r\n", "250-a\r\n251 b\r\n"}) {
    ReplyParser parser;
    EXPECT_EQ(Feed(parser, bad, 100), ReplyStatus::kBad) << bad;
  }
}

TEST(ReplyParser, RefusesAFloodOfLinesAndALineWithoutEnd) {
  std::string flood;
  for (size_t i = 0; i <= kReplyLineCountMax; ++i) flood += "250-x\r\n";
  ReplyParser lines;
  EXPECT_EQ(Feed(lines, flood, 100), ReplyStatus::kBad);
  ReplyParser line;
  EXPECT_EQ(Feed(line, "250 " + std::string(100'000, 'x'), 500), ReplyStatus::kBad);
}

TEST(ReplyParser, KeepsTheStartOfALongLineAndNoControlBytes) {
  ReplyParser parser;
  ASSERT_EQ(Feed(parser, "550 " + std::string(2000, 'x') + "\r\n", 100), ReplyStatus::kReply);
  EXPECT_EQ(parser.reply().text.size(), kReplyLineSizeMax - 4);
  ASSERT_EQ(Feed(parser, std::string_view("550 a\0b\x1b[31m\r\n", 14), 100), ReplyStatus::kReply);
  EXPECT_EQ(parser.reply().text, "a?b?[31m");
}

}  // namespace
}  // namespace postern
