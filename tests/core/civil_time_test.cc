#include "core/civil_time.h"

#include "gtest/gtest.h"

namespace postern {
namespace {

void Expect(int64_t us, const CivilTime& right) {
  const CivilTime time = ToCivil({us});
  EXPECT_EQ(time.year, right.year);
  EXPECT_EQ(time.month, right.month);
  EXPECT_EQ(time.day, right.day);
  EXPECT_EQ(time.weekday, right.weekday);
  EXPECT_EQ(time.hour, right.hour);
  EXPECT_EQ(time.minute, right.minute);
  EXPECT_EQ(time.second, right.second);
  EXPECT_EQ(time.microsecond, right.microsecond);
}

TEST(CivilTime, SplitsAMoment) {
  Expect(0, {1970, 1, 1, 4, 0, 0, 0, 0});
  Expect(-1, {1969, 12, 31, 3, 23, 59, 59, 999'999});
  Expect(951'782'400'000'000, {2000, 2, 29, 2, 0, 0, 0, 0});
  Expect(1'795'622'621'000'042, {2026, 11, 25, 3, 16, 3, 41, 42});
}

}  // namespace
}  // namespace postern
