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
  // Sleeps until the next Ring(), for a sleeper that has no other way to sleep; the ringer then shakes it with Shake().
  void Sleep() { state_.wait(State::kAsleep, std::memory_order_acquire); }
  void Shake() { state_.notify_one(); }
  void EndSleep() { state_.store(State::kAwake, std::memory_order_relaxed); }

  // True when the sleeper must be shaken; call it after the push.
  bool Ring() { return state_.exchange(State::kAwake, std::memory_order_acq_rel) == State::kAsleep; }

 private:
  enum class State { kAwake, kAsleep };
  std::atomic<State> state_{State::kAwake};
};

// A thread that has nothing else to wait for than its queues.
class ThreadDoorbell final : public Wakeable {
 public:
  void Wake() override {
    if (bell_.Ring()) bell_.Shake();
  }

  // Sleeps until somebody wakes us, unless `has_work` finds something first. May return without any reason.
  template <typename HasWork>
  void SleepUnless(HasWork has_work) {
    bell_.BeginSleep();
    if (!has_work()) bell_.Sleep();
    bell_.EndSleep();
  }

 private:
  Doorbell bell_;
};

}  // namespace postern

#endif  // POSTERN_CORE_DOORBELL_H_
