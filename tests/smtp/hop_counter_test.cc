#include "smtp/hop_counter.h"

#include <random>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace postern {
namespace {

uint32_t Count(std::string_view message) {
  HopCounter counter;
  counter.Update(message);
  HopCounter by_byte;
  for (size_t i = 0; i < message.size(); ++i) by_byte.Update(message.substr(i, 1));
  EXPECT_EQ(by_byte.count(), counter.count()) << message;
  return counter.count();
}

TEST(HopCounter, CountsHeadersWhateverTheirCase) {
  EXPECT_EQ(Count("Received: from a\r\nRECEIVED:b\r\nreceived: c\r\n\r\n"), 3u);
  EXPECT_EQ(Count("Subject: x\r\nReceived: from a\r\n\tby Received: b\r\nTo: y\r\n\r\n"), 1u);
}

TEST(HopCounter, CountsNothingElse) {
  EXPECT_EQ(Count(""), 0u);
  EXPECT_EQ(Count("Received\r\nReceived-SPF: pass\r\n Received: folded\r\nXReceived: x\r\nRece\r\nived: y\r\n"), 0u);
  EXPECT_EQ(Count("Received"), 0u);
  EXPECT_EQ(Count("Receive\r\nReceived: x\r\n"), 1u) << "the end of a line that began well is a line's end";
}

TEST(HopCounter, StopsAtTheFirstEmptyLine) {
  EXPECT_EQ(Count("Received: a\r\n\r\nReceived: b\r\n"), 1u);
  EXPECT_EQ(Count("\r\nReceived: b\r\n"), 0u);
}

TEST(HopCounter, StartsAnew) {
  HopCounter counter;
  counter.Update("Received: a\r\n\r\n");
  counter.Start();
  counter.Update("Received: a\r\nReceived: b\r\n");
  EXPECT_EQ(counter.count(), 2u);
}

TEST(HopCounter, HoweverTheMessageIsCut) {
  std::string message;
  for (int i = 0; i < 100; ++i) message += "Received: from x by y;\r\n\tWed, 25 Nov 2026\r\nX-Received: no\r\n";
  message += "\r\nReceived: no\r\n";
  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    HopCounter counter;
    for (std::string_view rest = message; !rest.empty();) {
      const std::string_view piece = rest.substr(0, 1 + random() % 50);
      counter.Update(piece);
      rest.remove_prefix(piece.size());
    }
    ASSERT_EQ(counter.count(), 100u);
  }
}

}  // namespace
}  // namespace postern
