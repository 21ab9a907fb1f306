// RetryPolicy says when to try again, when to tell the sender of the delay, and when to give up.
//
// A plain value: each route has one, made from the configuration and never changed (imc.md: Q146669, Q184051).

#ifndef POSTERN_RELAY_RETRY_POLICY_H_
#define POSTERN_RELAY_RETRY_POLICY_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/message.h"

namespace postern {

inline WallTime operator+(WallTime t, Duration d) {
  return {t.us + std::chrono::duration_cast<std::chrono::microseconds>(d).count()};
}

// What its Priority: or X-Priority: line asked for; the inbound conversation keeps it in the envelope's flags.
enum class Priority : uint8_t { kNormal, kUrgent, kNonUrgent };
Priority PriorityOf(uint8_t envelope_flags);

struct RetryPolicy {
  std::vector<Duration> intervals = {std::chrono::minutes(15), std::chrono::minutes(30), std::chrono::hours(1),
                                     std::chrono::hours(4)};  // the last one repeats
  Duration expiry = std::chrono::hours(48);                   // since the message was accepted
  Duration expiry_urgent = std::chrono::hours(24);
  Duration expiry_non_urgent = std::chrono::hours(72);
  bool by_priority = true;  // else every message has `expiry`
  Duration delay_notice{};  // the sender is told of a delay after so long; zero is never

  // The wait after `failure_count` failures in a row, at least one. Up to a tenth more or less, by `seed`, so that what
  // failed together does not come back together.
  Duration Interval(uint32_t failure_count, uint64_t seed) const;
  // When `message` expires.
  WallTime Expiry(MessageId message, Priority priority) const;
  // When to try `message` next after a failure at `now`; the last try is at the expiry. Nothing when it is over.
  std::optional<WallTime> NextAttempt(MessageId message, Priority priority, uint32_t failure_count, WallTime now) const;
};

}  // namespace postern

#endif  // POSTERN_RELAY_RETRY_POLICY_H_
