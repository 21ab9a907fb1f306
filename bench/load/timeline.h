// Timeline counts what was finished in each tenth of a second, for the throughput and its picture.
//
// A tally has one, on its worker's thread; those of several workers, which all begin at the same time, are merged when
// they have ended.

#ifndef POSTERN_BENCH_LOAD_TIMELINE_H_
#define POSTERN_BENCH_LOAD_TIMELINE_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/clock.h"

namespace postern {

class Timeline {
 public:
  struct Slot {
    uint64_t message_count = 0;  // that the server has taken
    uint64_t byte_count = 0;     // theirs
    uint64_t failed_count = 0;

    Slot& operator+=(const Slot& other) {
      message_count += other.message_count;
      byte_count += other.byte_count;
      failed_count += other.failed_count;
      return *this;
    }
  };

  static constexpr Duration kSlot = std::chrono::milliseconds(100);

  void Begin(MonotonicTime start) { start_ = start; }

  // What happens before the start is passed over.
  void Add(MonotonicTime now, const Slot& what) {
    if (now < start_) return;
    const auto index = static_cast<size_t>((now - start_) / kSlot);
    if (index >= slots_.size()) slots_.resize(index + 1);
    slots_[index] += what;
    last_ = std::max(last_, now - start_);
  }

  void Merge(const Timeline& other) {
    slots_.resize(std::max(slots_.size(), other.slots_.size()));
    for (size_t i = 0; i < other.slots_.size(); ++i) slots_[i] += other.slots_[i];
    last_ = std::max(last_, other.last_);
  }

  const std::vector<Slot>& slots() const { return slots_; }
  Duration last() const { return last_; }  // from the start to the last thing that was added

  // All up to a time from the start; a slot that is only partly before it is left out.
  Slot SumUntil(Duration time) const {
    Slot sum;
    for (size_t i = 0; i < slots_.size() && static_cast<int64_t>(i + 1) * kSlot <= time; ++i) sum += slots_[i];
    return sum;
  }

 private:
  MonotonicTime start_;
  Duration last_{0};
  std::vector<Slot> slots_;
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_TIMELINE_H_
