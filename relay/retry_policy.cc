#include "relay/retry_policy.h"

#include <algorithm>

#include "core/envelope.h"

namespace postern {
namespace {

// A number that looks like chance and is the same in every run: the simulator's seeds must repeat.
uint64_t Mix(uint64_t number) {
  number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9u;
  number = (number ^ (number >> 27)) * 0x94D049BB133111EBu;
  return number ^ (number >> 31);
}

}  // namespace

Priority PriorityOf(uint8_t envelope_flags) {
  if ((envelope_flags & kEnvelopeUrgent) != 0) return Priority::kUrgent;
  return (envelope_flags & kEnvelopeNonUrgent) != 0 ? Priority::kNonUrgent : Priority::kNormal;
}

Duration RetryPolicy::Interval(uint32_t failure_count, uint64_t seed) const {
  const size_t index = failure_count == 0 ? 0 : failure_count - 1;
  const Duration interval = intervals[std::min(index, intervals.size() - 1)];
  const int64_t permille = 900 + static_cast<int64_t>(Mix(seed + failure_count) % 201);
  return interval / 1000 * permille;
}

WallTime RetryPolicy::Expiry(MessageId message, Priority priority) const {
  const bool asked = by_priority && priority != Priority::kNormal;
  return message.born() + (!asked ? expiry : priority == Priority::kUrgent ? expiry_urgent : expiry_non_urgent);
}

std::optional<WallTime> RetryPolicy::NextAttempt(MessageId message, Priority priority, uint32_t failure_count,
                                                 WallTime now) const {
  const WallTime expired = Expiry(message, priority);
  if (now >= expired) return std::nullopt;
  return std::min(now + Interval(failure_count, message.number), expired);
}

}  // namespace postern
