// Clock tells the time, so that the simulator can tell another.
//
// A clock is owned by whoever assembles the program and outlives all that reads it; Now functions may be called on any
// thread. Durations are measured with Monotonic(), which never jumps; Wall() is for people, headers and retry times.

#ifndef POSTERN_CORE_CLOCK_H_
#define POSTERN_CORE_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace postern {

using Duration = std::chrono::nanoseconds;

// A moment on the clock that never jumps. Its zero means nothing; only differences do.
struct MonotonicTime {
  int64_t ns = 0;

  friend auto operator<=>(const MonotonicTime&, const MonotonicTime&) = default;
  friend MonotonicTime operator+(MonotonicTime t, Duration d) { return {t.ns + d.count()}; }
  friend Duration operator-(MonotonicTime a, MonotonicTime b) { return Duration(a.ns - b.ns); }
};

inline constexpr MonotonicTime kNever{INT64_MAX};

// Microseconds since 1970 UTC; it jumps when somebody sets the machine's clock.
struct WallTime {
  int64_t us = 0;

  friend auto operator<=>(const WallTime&, const WallTime&) = default;
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Monotonic() const = 0;
  virtual WallTime Wall() const = 0;
};

// The machine's own clocks.
class SystemClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override {
    return {std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()).count()};
  }
  WallTime Wall() const override {
    return {std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
                .count()};
  }
};

}  // namespace postern

#endif  // POSTERN_CORE_CLOCK_H_
