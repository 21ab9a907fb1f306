#include "relay/scheduler.h"

#include <algorithm>

#include "absl/log/check.h"

namespace postern {

Duration RetryPolicy::Interval(uint32_t failure_count) const {
  if (intervals.empty()) return std::chrono::hours(4);
  const size_t index = failure_count == 0 ? 0 : failure_count - 1;
  return intervals[std::min(index, intervals.size() - 1)];
}

std::optional<WallTime> RetryPolicy::NextAttempt(WallTime born, uint32_t failure_count, WallTime now) const {
  if (Expired(born, now)) return std::nullopt;
  return std::min(now + Interval(failure_count), born + expiry);
}

Scheduler::DestinationIndex Scheduler::AddDestination(uint32_t attempt_count_max) {
  destinations_.emplace_back().attempt_count_max = attempt_count_max;
  return static_cast<DestinationIndex>(destinations_.size() - 1);
}

void Scheduler::Add(DestinationIndex destination, MessageId message, WallTime due) {
  DCHECK_LT(destination, destinations_.size());
  waiting_.push({.due = due, .message = message, .destination = destination});
}

void Scheduler::AddForced(DestinationIndex destination, MessageId message, WallTime now) {
  Destination& d = destinations_[destination];
  d.ready.push_front({.message = message, .forced = true});
  if (d.failure_count > 0) d.probe_at = std::min(d.probe_at, now);
}

void Scheduler::Advance(WallTime now) {
  while (!waiting_.empty() && waiting_.top().due <= now) {
    destinations_[waiting_.top().destination].ready.push_back({.message = waiting_.top().message});
    waiting_.pop();
  }
}

bool Scheduler::MayStart(DestinationIndex destination, WallTime now) const {
  const Destination& d = destinations_[destination];
  if (d.ready.empty()) return false;
  if (d.failure_count == 0) return d.active_count < d.attempt_count_max;
  return d.active_count == 0 && now >= d.probe_at;
}

std::optional<Scheduler::Item> Scheduler::TakeNext(DestinationIndex destination, WallTime now) {
  if (!MayStart(destination, now)) return std::nullopt;
  Destination& d = destinations_[destination];
  const Item item = d.ready.front();
  d.ready.pop_front();
  ++d.active_count;
  return item;
}

void Scheduler::DropAttempt(DestinationIndex destination) {
  DCHECK_GT(destinations_[destination].active_count, 0u);
  --destinations_[destination].active_count;
}

void Scheduler::FinishAttempt(DestinationIndex destination, Finish finish, WallTime now) {
  DropAttempt(destination);
  Destination& d = destinations_[destination];
  if (finish == Finish::kAnswered) d.failure_count = 0;
  if (finish != Finish::kUnreachable) return;
  // Attempts that ran side by side and failed together are one failure.
  if (d.failure_count > 0 && d.probe_at > now) return;
  ++d.failure_count;
  d.probe_at = now + policy_.Interval(d.failure_count);
}

std::optional<Scheduler::Item> Scheduler::TakeExpired(DestinationIndex destination, WallTime now) {
  Destination& d = destinations_[destination];
  if (d.failure_count == 0 || d.ready.empty() || !policy_.Expired(d.ready.front().message.born(), now)) {
    return std::nullopt;
  }
  const Item item = d.ready.front();
  d.ready.pop_front();
  ++d.active_count;
  return item;
}

std::optional<WallTime> Scheduler::next_due() const {
  std::optional<WallTime> due;
  if (!waiting_.empty()) due = waiting_.top().due;
  for (const Destination& d : destinations_) {
    if (d.failure_count == 0 || d.ready.empty() || d.active_count > 0) continue;
    const WallTime expiry = d.ready.front().message.born() + policy_.expiry;
    const WallTime next = std::min(d.probe_at, expiry);
    if (!due.has_value() || next < *due) due = next;
  }
  return due;
}

}  // namespace postern
