// Scheduler knows what waits for which destination, when it may be tried, and whose turn it is.
//
// The relay owns it, on its thread. It holds ids and times only, 24 bytes for a message that waits for its time and 16
// for one that is ready; what it returns may have been settled meanwhile, so the relay asks the queue before it starts.
// It knows no clock: the time comes in. No step looks at all destinations, so ten thousand of them cost what one costs,
// and a million messages behind a host that is down cost nothing.
//
//   Add -> waiting -> Advance -> ready -------> the turn ------> TakeNext -> an attempt -> FinishAttempt
//          (a heap by           (a line for    (destinations that
//           due time)            each           may start, one behind
//                                destination)   the other)
//                                    |  ^
//                                    v  |
//                                  asleep: down until its next probe, or pausing

#ifndef POSTERN_RELAY_SCHEDULER_H_
#define POSTERN_RELAY_SCHEDULER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <set>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/message.h"
#include "relay/message_lines.h"
#include "relay/retry_policy.h"

namespace postern {

using DestinationIndex = uint32_t;

class Scheduler {
 public:
  static constexpr uint32_t kFirstAttemptCount = 2;

  Scheduler() = default;
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // A destination that is up. `policy` outlives it and says how long it is left alone when it is down; with
  // `attempt_count_max` 0 nothing ever starts for it. It begins with kFirstAttemptCount attempts side by side and may
  // have one more with each that is answered, so that those who say nothing hold few hands. Indices of removed
  // destinations are used again.
  DestinationIndex AddDestination(const RetryPolicy& policy, uint32_t attempt_count_max);
  // One that is Unused(). What was known of it is forgotten.
  void RemoveDestination(DestinationIndex destination);
  // Nothing waits, is ready or is being tried.
  bool Unused(DestinationIndex destination) const;

  // `message` has recipients for `destination` that may be tried from `due` on.
  void Add(DestinationIndex destination, MessageId message, WallTime due);
  // At once, before all others, also when the destination is down or pauses: there it is the next probe.
  void AddForced(DestinationIndex destination, MessageId message, WallTime now);
  // A destination that is down or pauses may be tried now: by one message, its first. What that says of it does not
  // make the pause longer that was planned.
  void ProbeNow(DestinationIndex destination);

  // The wall clock was set back by so much: what waits is due after the same time as before, not so much later.
  void HandleClockSetBack(Duration by) {
    set_back_us_ += std::chrono::duration_cast<std::chrono::microseconds>(by).count();
  }
  // All of these together. A time that was noted before may be so much too late.
  Duration set_back() const { return std::chrono::microseconds(set_back_us_); }

  // Lets in what is due, and wakes destinations whose probe or pause is over.
  void Advance(WallTime now);

  struct Start {
    DestinationIndex destination = 0;
    MessageId message;
    bool forced = false;
  };
  // What to try next: one message from each destination that may start, in turn. It counts as an attempt until
  // FinishAttempt(), DropAttempt() or PutBack(). Advances to `now` first.
  std::optional<Start> TakeNext(WallTime now);
  // What TakeNext() gave needs no attempt after all.
  void DropAttempt(DestinationIndex destination);
  // No attempt could be made: the message is the first of its line again, and the destination pauses until
  // `not_before`, or until an attempt of its own has been answered, which may have freed what was missing.
  void PutBack(const Start& start, WallTime not_before);

  enum class Finish : uint8_t {
    kAnswered,     // the destination is alive, whatever it said of the message: its line flows
    kUnreachable,  // nobody there, or nobody who talks: down, and probed by one message after the policy's interval
    kNeither,      // our own fault, or a stop: says nothing of the destination
  };
  void FinishAttempt(DestinationIndex destination, Finish finish, WallTime now);

  // When Advance() has something to do, at the earliest; nothing when never.
  std::optional<WallTime> next_due() const;

  struct View {
    size_t waiting_count = 0;
    size_t ready_count = 0;
    uint32_t active_count = 0;
    uint32_t failure_count = 0;  // failures in a row, those side by side counted once; 0 is up
    WallTime probe_at;           // when it is down: its next probe, zero while that may start or is under way
  };
  View view(DestinationIndex destination) const;

 private:
  struct Waiting {
    WallTime due;
    MessageId message;
    DestinationIndex destination;
    // Of those that are due together the oldest message comes first.
    friend bool operator>(const Waiting& a, const Waiting& b) {
      return a.due != b.due ? a.due > b.due : a.message > b.message;
    }
  };
  static_assert(sizeof(Waiting) == 24);

  struct Destination {
    const RetryPolicy* policy = nullptr;  // null: a free slot
    MessageLines::Line ready;
    WallTime wake_at;   // zero: awake; else it is in `asleep_`
    WallTime probe_at;  // when it is down: when it is to be tried again, unless an operator wants it earlier
    uint32_t waiting_count = 0;
    uint32_t attempt_count_max = 0;
    uint32_t attempts_allowed = 0;  // of these, as far as it has earned them; none but a probe when it is down
    uint32_t active_count = 0;
    uint32_t failure_count = 0;
    bool in_turn = false;  // it is in `turn_`, and something is ready; it may have ceased to be allowed to start

    bool MayStart() const;
  };

  // All times inside are those of a clock that is never set back.
  WallTime Inside(WallTime time) const { return {time.us + set_back_us_}; }
  WallTime Outside(WallTime time) const { return {time.us - set_back_us_}; }

  Destination& At(DestinationIndex destination);
  void JoinTurn(DestinationIndex destination);
  void Sleep(DestinationIndex destination, WallTime until);
  void Wake(DestinationIndex destination);

  int64_t set_back_us_ = 0;
  std::vector<Destination> destinations_;
  std::vector<DestinationIndex> free_destinations_;
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
  MessageLines lines_;
  std::deque<DestinationIndex> turn_;
  std::set<std::pair<WallTime, DestinationIndex>> asleep_;
};

}  // namespace postern

#endif  // POSTERN_RELAY_SCHEDULER_H_
