// Scheduler knows what waits for which destination, and when it may be tried.
//
// The relay owns it, on its thread. It holds ids and times only, 24 bytes for a message that waits for its time and 16
// for one that is ready; what it returns may have been settled meanwhile, so the relay asks the queue index before it
// starts. It knows no clock: the time comes in. A destination that is down is probed by one message, and what waits
// behind it costs nothing.
//
//   Add -> waiting (heap by due time) -> Advance -> ready (a line for each destination) -> TakeNext -> an attempt
//                                                       the line of a destination that is down stands still

#ifndef POSTERN_RELAY_SCHEDULER_H_
#define POSTERN_RELAY_SCHEDULER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/message.h"

namespace postern {

inline WallTime operator+(WallTime t, Duration d) {
  return {t.us + std::chrono::duration_cast<std::chrono::microseconds>(d).count()};
}

// When to try again, and when no more (imc.md: Q146669, Q184051).
struct RetryPolicy {
  std::vector<Duration> intervals = {std::chrono::minutes(15), std::chrono::minutes(30), std::chrono::hours(1),
                                     std::chrono::hours(4)};  // the last one repeats
  Duration expiry = std::chrono::hours(48);                   // since the message was accepted

  // The wait after `failure_count` failures in a row, at least one.
  Duration Interval(uint32_t failure_count) const;
  // When to try next after a failure at `now`; the last try is at the expiry. Nothing when it is over.
  std::optional<WallTime> NextAttempt(WallTime born, uint32_t failure_count, WallTime now) const;
  bool Expired(WallTime born, WallTime now) const { return now >= born + expiry; }
};

class Scheduler {
 public:
  using DestinationIndex = uint32_t;
  struct Item {
    MessageId message;
    bool forced = false;  // an operator wants it now: its due time does not count
  };

  explicit Scheduler(RetryPolicy policy) : policy_(std::move(policy)) {}

  DestinationIndex AddDestination(uint32_t attempt_count_max);

  // `message` has recipients for `destination` that may be tried at `due`.
  void Add(DestinationIndex destination, MessageId message, WallTime due);
  // At once, also when the destination is down.
  void AddForced(DestinationIndex destination, MessageId message, WallTime now);

  // Lets in what is due; afterwards TakeNext() finds it.
  void Advance(WallTime now);
  // The next message to be tried at `destination`; it counts as an attempt until FinishAttempt(), unless it is dropped.
  std::optional<Item> TakeNext(DestinationIndex destination, WallTime now);
  // What TakeNext() gave needs no attempt after all.
  void DropAttempt(DestinationIndex destination);

  enum class Finish : uint8_t {
    kAnswered,     // the destination is alive, whatever it said of the message
    kUnreachable,  // nobody there, or nobody who talks: down until the next probe
    kNeither,      // our own fault, or a stop: says nothing of the destination
  };
  void FinishAttempt(DestinationIndex destination, Finish finish, WallTime now);

  // A message that has expired in the line of a destination that is down; it counts as an attempt like TakeNext()'s.
  std::optional<Item> TakeExpired(DestinationIndex destination, WallTime now);

  // Whether TakeNext() may give something now.
  bool MayStart(DestinationIndex destination, WallTime now) const;
  // When Advance() or a probe has something to do, at the earliest; nothing when never.
  std::optional<WallTime> next_due() const;

  uint32_t destination_count() const { return static_cast<uint32_t>(destinations_.size()); }
  const RetryPolicy& policy() const { return policy_; }

 private:
  struct Waiting {
    WallTime due;
    MessageId message;
    DestinationIndex destination;
    friend bool operator>(const Waiting& a, const Waiting& b) {
      return a.due != b.due ? a.due > b.due : a.message > b.message;
    }
  };
  struct Destination {
    std::deque<Item> ready;
    uint32_t attempt_count_max = 0;
    uint32_t active_count = 0;
    uint32_t failure_count = 0;  // probes that failed in a row; 0 is up
    WallTime probe_at;           // when it is down
  };

  const RetryPolicy policy_;
  std::vector<Destination> destinations_;
  std::priority_queue<Waiting, std::vector<Waiting>, std::greater<>> waiting_;
};

}  // namespace postern

#endif  // POSTERN_RELAY_SCHEDULER_H_
