// What people write and read.

#include "bench/load/quantity.h"

#include <chrono>

#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Quantity, ReadsSizes) {
  EXPECT_EQ(ParseSize("1000"), 1000u);
  EXPECT_EQ(ParseSize("1k"), 1024u);
  EXPECT_EQ(ParseSize("1.5K"), 1536u);
  EXPECT_EQ(ParseSize("50m"), 50u * 1024 * 1024);
  EXPECT_EQ(ParseSize("2G"), 2ull << 30);
  for (const char* wrong : {"", "k", "0", "-1", "+1", "1e3", "nan", "inf", "1.2.3", "4 k", "4kb", "x", "9999999g"}) {
    EXPECT_EQ(ParseSize(wrong), std::nullopt) << wrong;
  }
}

TEST(Quantity, ReadsDurations) {
  EXPECT_EQ(ParseDuration("30"), Duration(seconds(30)));
  EXPECT_EQ(ParseDuration("30s"), Duration(seconds(30)));
  EXPECT_EQ(ParseDuration("0.5"), Duration(milliseconds(500)));
  EXPECT_EQ(ParseDuration("250ms"), Duration(milliseconds(250)));
  EXPECT_EQ(ParseDuration("2m"), Duration(minutes(2)));
  EXPECT_EQ(ParseDuration("1h"), Duration(hours(1)));
  EXPECT_EQ(ParseDuration("0"), Duration::zero());
  for (const char* wrong : {"", "s", "-1", "1d", "1 s", "ms", "1e3", "9000h"}) {
    EXPECT_EQ(ParseDuration(wrong), std::nullopt) << wrong;
  }
}

TEST(Quantity, TellsCountsAndNumbers) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(1000), "1,000");
  EXPECT_EQ(CountText(31'150), "31,150");
  EXPECT_EQ(CountText(1'234'567), "1,234,567");
  EXPECT_EQ(NumberText(0), "0");
  EXPECT_EQ(NumberText(0.01234), "0.0123");
  EXPECT_EQ(NumberText(1.234), "1.23");
  EXPECT_EQ(NumberText(9.999), "10.0");
  EXPECT_EQ(NumberText(12.34), "12.3");
  EXPECT_EQ(NumberText(99.99), "100");
  EXPECT_EQ(NumberText(31'149.6), "31,150");
}

TEST(Quantity, TellsDurationsInTheUnitThatFits) {
  EXPECT_EQ(DurationText(nanoseconds(0)), "0 ns");
  EXPECT_EQ(DurationText(nanoseconds(812)), "812 ns");
  EXPECT_EQ(DurationText(nanoseconds(81'234)), "81.2 us");
  EXPECT_EQ(DurationText(nanoseconds(999'600)), "1.00 ms");
  EXPECT_EQ(DurationText(nanoseconds(1'234'000)), "1.23 ms");
  EXPECT_EQ(DurationText(milliseconds(4560)), "4.56 s");
  EXPECT_EQ(DurationText(minutes(10)), "600 s");
}

TEST(Quantity, TellsSizesInTheUnitThatFits) {
  EXPECT_EQ(SizeText(640), "640 B");
  EXPECT_EQ(SizeText(1023), "0.999 KiB");
  EXPECT_EQ(SizeText(24 * 1024), "24.0 KiB");
  EXPECT_EQ(SizeText(2.5 * 1024 * 1024), "2.50 MiB");
}

}  // namespace
}  // namespace postern
