// StepCount lets others see whether a thread is in the middle of a step of its work, and whether it is still the same.
//
// Whoever works owns it and counts on his own thread; any thread may look. It costs the worker two plain stores a step,
// and tells no time: who looks again and again has a clock.

#ifndef POSTERN_CORE_STEP_COUNT_H_
#define POSTERN_CORE_STEP_COUNT_H_

#include <atomic>
#include <cstdint>

namespace postern {

class StepCount {
 public:
  // A step, from here to the end of its scope.
  class Scope {
   public:
    explicit Scope(StepCount& count) : count_(count) { count_.Advance(); }
    ~Scope() { count_.Advance(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    StepCount& count_;
  };

  // Odd in the middle of a step; another value is another step.
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  void Advance() { value_.store(value_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

  std::atomic<uint64_t> value_{0};
};

}  // namespace postern

#endif  // POSTERN_CORE_STEP_COUNT_H_
