// The histogram against a sorted vector of the same durations.

#include "bench/load/histogram.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

// Of all orders of magnitude that there are.
std::vector<int64_t> SomeDurations(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> magnitude(0, std::log(static_cast<double>(Histogram::kMax.count())));
  std::vector<int64_t> durations;
  for (size_t i = 0; i < count; ++i) durations.push_back(static_cast<int64_t>(std::exp(magnitude(random))));
  return durations;
}

// What a percentile is: the smallest of all that at least so many do not exceed.
int64_t Exact(const std::vector<int64_t>& sorted, double percent) {
  const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
  return sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

void ExpectPercentiles(const Histogram& histogram, std::vector<int64_t> durations) {
  std::sort(durations.begin(), durations.end());
  EXPECT_EQ(histogram.count(), durations.size());
  EXPECT_EQ(histogram.max().count(), durations.back());
  for (const double percent : {0.0, 0.1, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const int64_t exact = Exact(durations, percent);
    const int64_t told = histogram.Percentile(percent).count();
    EXPECT_GE(told, exact) << percent;
    EXPECT_LE(static_cast<double>(told), static_cast<double>(exact) * 1.001) << percent;
  }
}

TEST(Histogram, TellsPercentilesToThreeDigits) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const std::vector<int64_t> durations = SomeDurations(seed, 1 + seed * 97);
    Histogram histogram;
    for (const int64_t ns : durations) histogram.Record(Duration(ns));
    ExpectPercentiles(histogram, durations);
  }
}

TEST(Histogram, MergesAsIfAllWereRecordedInOne) {
  std::vector<int64_t> all;
  Histogram merged;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Histogram part;
    for (const int64_t ns : SomeDurations(seed, 500)) {
      part.Record(Duration(ns));
      all.push_back(ns);
    }
    merged.Merge(part);
  }
  merged.Merge(Histogram());
  ExpectPercentiles(merged, all);
}

TEST(Histogram, IsExactWhereCountersAreWideEnough) {
  for (const int64_t ns : {0, 1, 2, 1023, 1024, 2047, 2048, 2049, 4095, 4096, 4097}) {
    Histogram histogram;
    histogram.Record(Duration(ns));
    EXPECT_EQ(histogram.Percentile(50).count(), ns);
  }
}

// Neighbours of every power of two: no duration falls between two counters, and none into the wrong one.
TEST(Histogram, KeepsOrderAtEveryDoubling) {
  for (int bits = 1; bits <= 41; ++bits) {
    for (const int64_t step : {-1, 0, 1}) {
      const int64_t ns = (int64_t{1} << bits) + step;
      Histogram histogram;
      histogram.Record(Duration(ns));
      histogram.Record(Histogram::kMax);
      const int64_t told = histogram.Percentile(50).count();
      EXPECT_GE(told, ns);
      EXPECT_LE(told - ns, ns / 1000) << "2^" << bits << " + " << step;
    }
  }
}

TEST(Histogram, HasBounds) {
  Histogram histogram;
  EXPECT_EQ(histogram.Percentile(50), Duration::zero()) << "an empty one";
  histogram.Record(Duration(-5));
  EXPECT_EQ(histogram.max(), Duration::zero());
  histogram.Record(Duration::max());
  EXPECT_EQ(histogram.max(), Histogram::kMax);
  EXPECT_EQ(histogram.Percentile(100), Histogram::kMax);
  EXPECT_EQ(histogram.Percentile(50), Duration::zero());
  EXPECT_EQ(histogram.count(), 2u);
}

}  // namespace
}  // namespace postern
