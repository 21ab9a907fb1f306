// Pacer says when the next message of a worker is due.
//
// A worker owns it, on its thread. In an open loop messages are due at fixed times, whether the server keeps up or not:
// one that is begun late, since every connection still waited for a slow server, was due all the same, and its latency
// counts from then. That is what a closed loop cannot show: there a slow answer delays the next question, and the
// question that was not asked is missing in the percentiles (coordinated omission).

#ifndef POSTERN_BENCH_LOAD_PACER_H_
#define POSTERN_BENCH_LOAD_PACER_H_

#include <cstdint>
#include <optional>

#include "core/clock.h"

namespace postern {

class Pacer {
 public:
  // Closed loop: a message is due whenever somebody asks.
  Pacer() = default;
  // Open loop: message i is due at start + (i + share) / rate. Workers have different shares of the first interval, so
  // that they do not all begin at once. `rate` is messages a second, above 0.
  Pacer(double rate, MonotonicTime start, double share);

  // When the next message was due, which then is the next but one's turn; nothing when that is later than `now`.
  std::optional<MonotonicTime> TakeDue(MonotonicTime now);

  // When TakeDue() next has something.
  MonotonicTime next_due() const;

 private:
  double interval_ns_ = 0;  // 0: closed loop
  MonotonicTime start_;
  double share_ = 0;
  uint64_t taken_count_ = 0;
};

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_PACER_H_
