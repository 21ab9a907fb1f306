#include "bench/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace postern {
namespace {

constexpr int kPreciseBits = 11;                           // durations of so many bits are counted as they are
constexpr size_t kHalf = size_t{1} << (kPreciseBits - 1);  // counters for each doubling above

}  // namespace

Histogram::Histogram() : counts_(IndexOf(static_cast<uint64_t>(kMax.count())) + 1) {}

size_t Histogram::IndexOf(uint64_t ns) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(ns)) - kPreciseBits);
  return static_cast<size_t>(shift) * kHalf + static_cast<size_t>(ns >> shift);
}

uint64_t Histogram::LastOf(size_t index) {
  if (index < 2 * kHalf) return index;
  const size_t shift = index / kHalf - 1;
  return ((static_cast<uint64_t>(index - shift * kHalf) + 1) << shift) - 1;
}

void Histogram::Record(Duration duration) {
  const int64_t ns = std::clamp(duration, Duration::zero(), kMax).count();
  ++counts_[IndexOf(static_cast<uint64_t>(ns))];
  ++count_;
  max_ns_ = std::max(max_ns_, ns);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

Duration Histogram::Percentile(double percent) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_)));
  const uint64_t rank = std::clamp<uint64_t>(wanted, 1, std::max<uint64_t>(count_, 1));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::min(Duration(static_cast<int64_t>(LastOf(i))), max());
  }
  return Duration::zero();
}

}  // namespace postern
