// Doorbell lets a thread sleep until there is something to do, and lets others wake it without a system call when it is
// awake.
//
// The sleeper owns it and calls BeginSleep() and EndSleep() on its own thread; Ring() may be called on any thread. How
// the sleeper really sleeps is its own affair: Ring() only answers whether somebody has to shake it.
//
//   sleeper:  BeginSleep(); if nothing is queued, sleep; EndSleep();
//   ringer:   push; if (Ring()) shake;
//
// Both sides exchange the same word, so one exchange comes first: either the ringer finds the sleeper asleep, or the
// sleeper sees all that was pushed before the ring. No ring is lost.

#ifndef POSTERN_CORE_DOORBELL_H_
#define POSTERN_CORE_DOORBELL_H_

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace postern {

// Somebody who may be asleep. Wake() may be called on any thread, costs no system call when he is awake, and is called
// after what he shall find has been queued.
class Wakeable {
 public:
  virtual ~Wakeable() = default;
  virtual void Wake() = 0;
};

class Doorbell {
 public:
  // From here on Ring() answers true, once. The caller looks at its queues again before it sleeps.
  void BeginSleep() { state_.exchange(State::kAsleep, std::memory_order_acq_rel); }
  // Whether nobody has rung since.
  bool asleep() const { return state_.load(std::memory_order_acquire) == State::kAsleep; }
  void EndSleep() { state_.store(State::kAwake, std::memory_order_relaxed); }

  // True when the sleeper must be shaken; call it after the push.
  bool Ring() { return state_.exchange(State::kAwake, std::memory_order_acq_rel) == State::kAsleep; }

 private:
  enum class State { kAwake, kAsleep };
  std::atomic<State> state_{State::kAwake};
};

// A thread that has nothing else to wait for than its queues. It sleeps on a condition variable, for where there is no
// futex std::atomic::wait() of libstdc++ 12 looks at the word before it takes its lock, and loses a ring in between.
// It outlives everybody who may still be in Wake().
class ThreadDoorbell final : public Wakeable {
 public:
  void Wake() override {
    if (!bell_.Ring()) return;
    { const std::lock_guard lock(mutex_); }  // who has seen himself asleep is waiting by now
    rung_.notify_one();
  }

  // Sleeps until somebody wakes us, unless `has_work` finds something first. May return without any reason.
  template <typename HasWork>
  void SleepUnless(HasWork has_work) {
    bell_.BeginSleep();
    if (!has_work()) {
      std::unique_lock lock(mutex_);
      rung_.wait(lock, [this] { return !bell_.asleep(); });
    }
    bell_.EndSleep();
  }

 private:
  Doorbell bell_;
  std::mutex mutex_;
  std::condition_variable rung_;
};

}  // namespace postern

#endif  // POSTERN_CORE_DOORBELL_H_
