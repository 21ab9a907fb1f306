// Plan says from when on messages count, and when no more are begun: after a time, a number of messages, or a signal.
//
// The run owns it, and all workers ask it. Begin() is called before any of them does; the rest may be called on any
// thread.

#ifndef POSTERN_BENCH_LOAD_PLAN_H_
#define POSTERN_BENCH_LOAD_PLAN_H_

#include <atomic>
#include <cstdint>

#include "core/clock.h"

namespace postern {

class Plan {
 public:
  // `duration` is measured time, behind `warm_up`; zero for no end. `message_count` is of messages that count; 0 for
  // any number.
  Plan(Duration warm_up, Duration duration, uint64_t message_count)
      : warm_up_(warm_up), duration_(duration), left_(message_count), limited_(message_count > 0) {}

  void Begin(MonotonicTime now) {
    start_ = now;
    measured_from_ = now + warm_up_;
    end_ = duration_ == Duration::zero() ? kNever : measured_from_ + duration_;
  }

  MonotonicTime start() const { return start_; }
  MonotonicTime measured_from() const { return measured_from_; }
  MonotonicTime end() const { return end_; }

  // Whether a message that is due then is one that counts.
  bool Counts(MonotonicTime due) const { return due >= measured_from_; }

  // A message that is due then may be begun; one that counts is taken off their number.
  bool TryTake(MonotonicTime due) {
    if (stopped() || due >= end_) return false;
    if (!limited_ || !Counts(due)) return true;
    if (left_.fetch_sub(1, std::memory_order_relaxed) > 0) return true;
    all_taken_.store(true, std::memory_order_relaxed);
    return false;
  }

  // No message is begun any more.
  bool Over(MonotonicTime now) const { return now >= end_ || stopped() || all_taken(); }
  bool all_taken() const { return all_taken_.load(std::memory_order_relaxed); }

  void Stop() { stopped_.store(true, std::memory_order_relaxed); }
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }

 private:
  const Duration warm_up_;
  const Duration duration_;
  MonotonicTime start_;
  MonotonicTime measured_from_;
  MonotonicTime end_ = kNever;
  std::atomic<int64_t> left_;
  const bool limited_;
  std::atomic<bool> all_taken_{false};
  std::atomic<bool> stopped_{false};
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_PLAN_H_
