// Worker is one thread's share of the load: a reactor, the connections on it, and when their messages are due.
//
// The run owns it; all but counts() is called on the worker's thread, which does nothing but Turn(), until it is done.
// It starts no thread itself, so that a test can turn it by hand, also in a simulated network.

#ifndef POSTERN_BENCH_LOAD_WORKER_H_
#define POSTERN_BENCH_LOAD_WORKER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "bench/load/idle_holder.h"
#include "bench/load/mail.h"
#include "bench/load/options.h"
#include "bench/load/pacer.h"
#include "bench/load/plan.h"
#include "bench/load/session.h"
#include "bench/load/tally.h"
#include "core/clock.h"
#include "core/envelope.h"
#include "net/poller.h"
#include "net/reactor.h"

namespace postern {

class Worker final : private SessionOwner {
 public:
  struct Setup {
    const LoadOptions& options;
    const std::vector<Mail>& mails;  // as many as the mix has parts
    Plan& plan;
    size_t index;  // of options.thread_count
  };

  // All that is lent outlives it.
  Worker(Poller& poller, const Clock& clock, const Setup& setup);
  ~Worker() override = default;

  // Makes the idle connections. The load begins later, so that it does not meet them half made.
  void HoldIdle() { idle_.Start(); }
  // After Plan::Begin().
  void Begin();
  // Ends at once, whatever is under way. After Plan::Stop().
  void Abort();

  // Hands out what is due, then a turn of the reactor.
  void Turn(Duration sleep_max);
  // When a turn has something to do of which no op tells.
  MonotonicTime NextDue();

  // Everything has ended: the tally is whole.
  bool done() const { return done_; }

  Reactor& reactor() { return reactor_; }
  const IdleHolder& idle() const { return idle_; }
  // Idle connections that stood when the load was over.
  size_t idle_held_count() const { return idle_held_count_; }
  const Tally& tally() const { return tally_; }
  const LiveCounts& counts() const { return live_; }

 private:
  // SessionOwner
  std::optional<Assignment> TakeAssignment(MonotonicTime now) override;
  void HandleAvailable(Session& session) override;
  SocketResult MakeSocket() override;

  SessionContext MakeContext(const Clock& clock);
  void HandOut(MonotonicTime now);
  void End(MonotonicTime now);
  void WindUp();
  void CountUnsent(MonotonicTime end);
  bool AllFree() const;

  const LoadOptions& options_;
  const std::vector<Mail>& mails_;
  Plan& plan_;
  const size_t index_;
  const Clock& clock_;
  Reactor reactor_;
  std::mt19937_64 random_;
  Pacer pacer_;
  Tally tally_;
  LiveCounts live_;
  const std::vector<std::string> recipient_texts_;
  std::vector<Recipient> recipients_;
  SessionContext context_;
  std::deque<Session> sessions_;
  std::deque<Session*> line_;  // those that are available; some may not be any more
  IdleHolder idle_;
  size_t idle_held_count_ = 0;
  bool idle_stopped_ = false;
  size_t socket_count_ = 0;
  uint64_t letter_count_ = 0;
  bool begun_ = false;
  bool ended_ = false;  // no message is begun any more
  bool done_ = false;   // and all connections have ended
};

// What the `index`-th of `share_count` gets when `count` things are shared out evenly.
constexpr size_t ShareOf(size_t count, size_t share_count, size_t index) {
  return count / share_count + (index < count % share_count ? 1 : 0);
}

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_WORKER_H_
