#include "bench/load/pacer.h"

#include <cmath>

#include "absl/log/check.h"

namespace postern {

Pacer::Pacer(double rate, MonotonicTime start, double share) : interval_ns_(1e9 / rate), start_(start), share_(share) {
  CHECK_GT(rate, 0);
}

std::optional<MonotonicTime> Pacer::TakeDue(MonotonicTime now) {
  if (interval_ns_ == 0) return now;
  const MonotonicTime due = next_due();
  if (due > now) return std::nullopt;
  ++taken_count_;
  return due;
}

// Always from the start, so that no rounding adds up.
MonotonicTime Pacer::next_due() const {
  const double offset = (static_cast<double>(taken_count_) + share_) * interval_ns_;
  return start_ + Duration(std::llround(offset));
}

}  // namespace postern
