// SimClock is a clock that stands still until a test or the simulator moves it on.
//
// Whoever assembles the simulated world owns it and outlives what reads it; everything is on one thread.

#ifndef POSTERN_TESTS_SIM_SIM_CLOCK_H_
#define POSTERN_TESTS_SIM_SIM_CLOCK_H_

#include <algorithm>

#include "core/clock.h"

namespace postern {

class SimClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return now_; }
  WallTime Wall() const override { return {wall_start_.us + (now_.ns - kStart.ns) / 1000}; }

  void Advance(Duration duration) { now_ = now_ + duration; }
  // Never back.
  void AdvanceTo(MonotonicTime time) { now_ = std::max(now_, time); }
  // Somebody sets the machine's clock.
  void SetWall(WallTime wall) { wall_start_.us = wall.us - (now_.ns - kStart.ns) / 1000; }

 private:
  // Neither zero, so that nothing relies on it, nor the time of this machine, so that every run is the same.
  static constexpr MonotonicTime kStart{1'000'000'000'000};
  MonotonicTime now_ = kStart;
  WallTime wall_start_{1'767'225'600'000'000};  // 2026-01-01
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_CLOCK_H_
