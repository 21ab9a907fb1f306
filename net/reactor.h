// Reactor is one thread's loop: look at the clock, fire timers, run what waits, wait for ops, hand each to its owner.
//
// Whoever makes it owns it; all but Wake() and Post() is called on the one thread that calls Turn(). It starts no
// thread, so a simulator can turn several of them by hand.

#ifndef POSTERN_NET_REACTOR_H_
#define POSTERN_NET_REACTOR_H_

#include <functional>
#include <mutex>
#include <vector>

#include "core/clock.h"
#include "core/doorbell.h"
#include "net/poller.h"
#include "net/socket.h"
#include "net/timers.h"

namespace postern {

// Work that arrives by queue instead of by op: receipts, messages from other threads.
class TurnHook {
 public:
  virtual ~TurnHook() = default;
  virtual void RunTurn() = 0;
  virtual bool HasWork() const = 0;  // asked before the reactor sleeps; cheap
};

class Reactor final : public Wakeable {
 public:
  Reactor(Poller& poller, const Clock& clock) : poller_(poller), clock_(clock), now_(clock.Monotonic()) {}
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // One turn. Sleeps for `sleep_max` at most when there is nothing to do.
  void Turn(Duration sleep_max = std::chrono::seconds(60));

  // When a turn has something to do of which no op tells: at once when work waits, else at the next timer's time.
  MonotonicTime NextDue();

  // Behind a turn that had work from a queue it looks again after so long, and nobody has to wake it until then: what
  // comes in a stream comes in batches. For work on which nobody waits.
  void set_linger(Duration linger) { linger_ = linger; }

  // Runs `hook` in every turn from now on, until it is removed.
  void AddHook(TurnHook& hook) { hooks_.push_back(&hook); }
  void RemoveHook(TurnHook& hook) { std::erase(hooks_, &hook); }

  // Runs `work` in the next turn, on the reactor's thread. Any thread; for rare things, it allocates.
  void Post(std::function<void()> work);
  void Wake() override;

  // Whether the next turn has something to do that is neither a timer's nor an op's.
  bool HasWork();

  void Start(Op& op) { poller_.Start(op); }
  void Cancel(Op& op) { poller_.Cancel(op); }
  Poller& poller() { return poller_; }
  Sockets& sockets() { return poller_.sockets(); }
  Timers& timers() { return timers_; }
  MonotonicTime now() const { return now_; }  // as of this turn
  WallTime wall() const { return clock_.Wall(); }

 private:
  void RunPosted();

  Poller& poller_;
  const Clock& clock_;
  MonotonicTime now_;
  Timers timers_;
  Doorbell bell_;
  Duration linger_ = Duration::zero();
  bool lingers_ = false;  // work had come by queue
  std::vector<TurnHook*> hooks_;
  std::vector<Op*> done_;
  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace postern

#endif  // POSTERN_NET_REACTOR_H_
