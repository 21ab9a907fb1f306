#include "smtp/line_scanner.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/limits.h"
#include "gtest/gtest.h"
#include "tests/smtp/naive.h"

namespace postern {
namespace {

using enum LineStatus;
using Events = std::vector<LineEvent>;

Events Scan(std::string_view input, size_t line_size_max = kCommandLineSizeMax) {
  return ScanInPieces(input, line_size_max, kCommandLineSizeMax, Whole());
}

TEST(LineScanner, ALineEndsWithCrLf) {
  EXPECT_EQ(Scan("EHLO a\r\nQUIT\r\n"), (Events{{kLine, "EHLO a"}, {kLine, "QUIT"}}));
  EXPECT_EQ(Scan("\r\n\r\n"), (Events{{kLine, ""}, {kLine, ""}}));
  EXPECT_EQ(Scan(""), Events());
  EXPECT_EQ(Scan("QUIT"), Events());
  EXPECT_EQ(Scan("QUIT\r"), Events());
  EXPECT_EQ(Scan(std::string_view("NOOP \0\r\n", 8)), (Events{{kLine, std::string("NOOP \0", 6)}}));
}

TEST(LineScanner, WhatHidesBehindABareNewlineIsNotRun) {
  EXPECT_EQ(Scan("RCPT TO:<a\nDATA\r\nQUIT\r\n"), (Events{{kBareLf, ""}, {kLine, "QUIT"}}));
  EXPECT_EQ(Scan("RCPT TO:<a\rDATA\r\nQUIT\r\n"), (Events{{kBareCr, ""}, {kLine, "QUIT"}}));
  EXPECT_EQ(Scan("\r\r\nQUIT\r\n"), (Events{{kBareCr, ""}, {kLine, "QUIT"}}));
  EXPECT_EQ(Scan("\n\r\nQUIT\r\n"), (Events{{kBareLf, ""}, {kLine, "QUIT"}}));
  EXPECT_EQ(Scan("a\nb\rc\nd"), (Events{{kBareLf, ""}})) << "told once a line, and at once";
}

TEST(LineScanner, TheLimitCountsTheLineEnd) {
  EXPECT_EQ(Scan("123456\r\nok\r\n", 8), (Events{{kLine, "123456"}, {kLine, "ok"}}));
  EXPECT_EQ(Scan("1234567\r\nok\r\n", 8), (Events{{kTooLong, ""}, {kLine, "ok"}}));
  EXPECT_EQ(Scan("12345678\r\nok\r\n", 8), (Events{{kTooLong, ""}, {kLine, "ok"}}));
  EXPECT_EQ(Scan("1234567\rx\r\nok\r\n", 8), (Events{{kTooLong, ""}, {kLine, "ok"}}));
  EXPECT_EQ(Scan("123456789\n\r.\nno\r\nok\r\n", 8), (Events{{kTooLong, ""}, {kLine, "ok"}}));
  EXPECT_EQ(Scan(std::string(1'000'000, 'y') + "\r\nok\r\n"), (Events{{kTooLong, ""}, {kLine, "ok"}}));
}

TEST(LineScanner, AnotherConversationBeginsAnew) {
  char memory[64];
  RingBuffer ring(memory);
  LineScanner scanner(8);
  const auto feed = [&ring](std::string_view text) {
    std::copy(text.begin(), text.end(), ring.WritableSpan().begin());
    ring.Commit(text.size());
  };
  feed("\nhalf");
  EXPECT_EQ(scanner.Next(ring).status, kBareLf);
  EXPECT_EQ(scanner.Next(ring).status, kNeedMore);
  EXPECT_TRUE(ring.empty()) << "what is swallowed does not fill the ring";
  scanner.Reset();
  feed("QUIT\r\n");
  EXPECT_EQ(scanner.Next(ring).text, "QUIT");
}

// Bytes that matter, often, in an order nobody thought of.
std::string RandomInput(std::mt19937& random) {
  static constexpr std::string_view kPieces[] = {"\r\n", "\r\n", "\r\n",          "\r", "\n", "a",
                                                 "bc",   "NOOP", "12345678901234"};
  std::string input;
  for (size_t count = random() % 60; count > 0; --count) input += kPieces[random() % std::size(kPieces)];
  return input;
}

TEST(LineScanner, HoweverTheInputIsCutTheLinesAreTheSame) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    const std::string input = RandomInput(random);
    constexpr size_t kLineSizeMax = 16;
    const Events expected = NaiveScan(input, kLineSizeMax);
    for (const size_t ring_size : {kLineSizeMax, kLineSizeMax + 5, size_t{1000}}) {
      ASSERT_EQ(ScanInPieces(input, kLineSizeMax, ring_size, Whole()), expected) << testing::PrintToString(input);
      ASSERT_EQ(ScanInPieces(input, kLineSizeMax, ring_size, Always(1)), expected) << testing::PrintToString(input);
      ASSERT_EQ(ScanInPieces(input, kLineSizeMax, ring_size, Random(random(), 20)), expected)
          << testing::PrintToString(input);
    }
  }
}

}  // namespace
}  // namespace postern
