#include "gateway/config_text.h"

#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

TEST(ConfigTextTest, Durations) {
  EXPECT_EQ(ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(ParseDuration("0s"), milliseconds(0));
  EXPECT_EQ(ParseDuration("15m"), minutes(15));
  EXPECT_EQ(ParseDuration("36500d"), hours(24 * 36500));
  for (const std::string_view bad : {"", "5", "s", "-1s", "+1s", " 1s", "1 s", "1.5h", "1h30m", "1S", "36501d",
                                     "99999999999999999999d", "18446744073709551615d"}) {
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
  }
}

TEST(ConfigTextTest, Sizes) {
  EXPECT_EQ(ParseSize("0"), 0u);
  EXPECT_EQ(ParseSize("64KiB"), 65536u);
  EXPECT_EQ(ParseSize("2GiB"), 2u << 30);
  for (const std::string_view bad : {"", "KiB", "1KB", "1kib", "-1", "1 MiB", "1.5MiB", "18446744073709551615KiB"}) {
    EXPECT_EQ(ParseSize(bad), std::nullopt) << bad;
  }
}

TEST(ConfigTextTest, WhatIsWrittenIsReadAgain) {
  for (const std::string_view text : {"250ms", "90s", "15m", "4h", "2d"}) {
    EXPECT_EQ(FormatDuration(*ParseDuration(text)), text);
  }
  for (const std::string_view text : {"0", "4097", "64KiB", "50MiB", "2GiB"}) {
    EXPECT_EQ(FormatSize(*ParseSize(text)), text);
  }
}

TEST(ConfigTextTest, TheNearestWord) {
  const std::vector<std::string_view> words = {"listen", "hostname", "user", "hops"};
  EXPECT_EQ(NearestWord("listn", words), "listen");
  EXPECT_EQ(NearestWord("hsotname", words), "hostname");
  EXPECT_EQ(NearestWord("usr", words), "user");
  EXPECT_EQ(NearestWord("completely", words), "");
  EXPECT_EQ(NearestWord("", words), "");
  EXPECT_EQ(NearestWord(std::string(1'000'000, 'x'), words), "");
}

}  // namespace
}  // namespace postern
