// Histogram counts durations and tells their percentiles, to three digits.
//
// A tally has one for each thing that it measures, on its worker's thread; those of several workers are merged when
// they have ended. Recording is an addition in an array, and the array's size does not depend on what is recorded:
//
//   0 ... 2,047 ns        a counter for each nanosecond
//   2,048 ... 4,095 ns    1,024 counters of 2 ns
//   4,096 ... 8,191 ns    1,024 counters of 4 ns, and so on for every doubling, up to 73 minutes

#ifndef POSTERN_BENCH_LOAD_HISTOGRAM_H_
#define POSTERN_BENCH_LOAD_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/clock.h"

namespace postern {

class Histogram {
 public:
  Histogram();

  // What is shorter than nothing counts as nothing, what is longer than kMax as kMax.
  void Record(Duration duration);
  void Merge(const Histogram& other);

  uint64_t count() const { return count_; }
  Duration max() const { return Duration(max_ns_); }

  // The duration that `percent` of all did not exceed, at most a thousandth too long; zero when there is none.
  Duration Percentile(double percent) const;

  static constexpr Duration kMax{(int64_t{1} << 42) - 1};

 private:
  static size_t IndexOf(uint64_t ns);
  static uint64_t LastOf(size_t index);  // the longest duration that is counted there

  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  int64_t max_ns_ = 0;
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_HISTOGRAM_H_
