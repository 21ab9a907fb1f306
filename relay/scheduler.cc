#include "relay/scheduler.h"

#include <algorithm>

#include "absl/log/check.h"

namespace postern {

bool Scheduler::Destination::MayStart() const {
  if (ready.count == 0 || wake_at != WallTime{}) return false;
  return active_count < (failure_count == 0 ? attempts_allowed : std::min(attempt_count_max, 1u));
}

Scheduler::Destination& Scheduler::At(DestinationIndex destination) {
  DCHECK_LT(destination, destinations_.size());
  DCHECK(destinations_[destination].policy != nullptr) << "destination " << destination << " was removed";
  return destinations_[destination];
}

DestinationIndex Scheduler::AddDestination(const RetryPolicy& policy, uint32_t attempt_count_max) {
  if (free_destinations_.empty()) {
    free_destinations_.push_back(static_cast<DestinationIndex>(destinations_.size()));
    destinations_.emplace_back();
  }
  const DestinationIndex destination = free_destinations_.back();
  free_destinations_.pop_back();
  Destination& d = destinations_[destination];
  d = {};
  d.policy = &policy;
  d.attempt_count_max = attempt_count_max;
  d.attempts_allowed = std::min(attempt_count_max, kFirstAttemptCount);
  return destination;
}

void Scheduler::RemoveDestination(DestinationIndex destination) {
  Destination& d = At(destination);
  CHECK(Unused(destination));
  CHECK(!d.in_turn);  // nothing is ready
  Wake(destination);
  d.policy = nullptr;
  free_destinations_.push_back(destination);
}

bool Scheduler::Unused(DestinationIndex destination) const {
  const Destination& d = destinations_[destination];
  return d.waiting_count == 0 && d.ready.count == 0 && d.active_count == 0;
}

void Scheduler::Add(DestinationIndex destination, MessageId message, WallTime due) {
  ++At(destination).waiting_count;
  waiting_.push({.due = Inside(due), .message = message, .destination = destination});
}

void Scheduler::AddForced(DestinationIndex destination, MessageId message, WallTime now) {
  Destination& d = At(destination);
  lines_.PushFront(d.ready, {.message = message, .forced = true});
  if (d.wake_at > Inside(now)) Wake(destination);
  JoinTurn(destination);
}

void Scheduler::ProbeNow(DestinationIndex destination) { Wake(destination); }

void Scheduler::Advance(WallTime now) {
  now = Inside(now);
  while (!waiting_.empty() && waiting_.top().due <= now) {
    const Waiting due = waiting_.top();
    waiting_.pop();
    Destination& d = At(due.destination);
    --d.waiting_count;
    lines_.PushBack(d.ready, {.message = due.message});
    JoinTurn(due.destination);
  }
  while (!asleep_.empty() && asleep_.begin()->first <= now) Wake(asleep_.begin()->second);
}

std::optional<Scheduler::Start> Scheduler::TakeNext(WallTime now) {
  Advance(now);
  while (!turn_.empty()) {
    const DestinationIndex destination = turn_.front();
    turn_.pop_front();
    Destination& d = At(destination);
    d.in_turn = false;
    if (!d.MayStart()) continue;
    const LinedMessage first = lines_.TakeFirst(d.ready);
    ++d.active_count;
    JoinTurn(destination);
    return Start{.destination = destination, .message = first.message, .forced = first.forced};
  }
  return std::nullopt;
}

void Scheduler::DropAttempt(DestinationIndex destination) {
  Destination& d = At(destination);
  DCHECK_GT(d.active_count, 0u);
  --d.active_count;
  JoinTurn(destination);
}

void Scheduler::PutBack(const Start& start, WallTime not_before) {
  Destination& d = At(start.destination);
  lines_.PushFront(d.ready, {.message = start.message, .forced = start.forced});
  if (Inside(not_before) > d.wake_at) Sleep(start.destination, Inside(not_before));
  DropAttempt(start.destination);
}

void Scheduler::FinishAttempt(DestinationIndex destination, Finish finish, WallTime now) {
  now = Inside(now);
  Destination& d = At(destination);
  switch (finish) {
    case Finish::kAnswered:
      d.failure_count = 0;
      d.attempts_allowed = std::min(d.attempt_count_max, d.attempts_allowed + 1);
      Wake(destination);
      break;
    case Finish::kUnreachable:
      // Attempts that ran side by side and failed together are one failure; one that was made before its time is none.
      if (d.failure_count == 0 || d.probe_at <= now) {
        ++d.failure_count;
        d.attempts_allowed = std::min(d.attempt_count_max, kFirstAttemptCount);
        d.probe_at = now + d.policy->Interval(d.failure_count, destination);
      }
      Sleep(destination, std::max(d.wake_at, d.probe_at));
      break;
    case Finish::kNeither: break;
  }
  DropAttempt(destination);
}

std::optional<WallTime> Scheduler::next_due() const {
  std::optional<WallTime> due;
  if (!waiting_.empty()) due = waiting_.top().due;
  if (!asleep_.empty() && (!due.has_value() || asleep_.begin()->first < *due)) due = asleep_.begin()->first;
  return due.has_value() ? std::optional(Outside(*due)) : std::nullopt;
}

Scheduler::View Scheduler::view(DestinationIndex destination) const {
  const Destination& d = destinations_[destination];
  return {.waiting_count = d.waiting_count,
          .ready_count = d.ready.count,
          .active_count = d.active_count,
          .failure_count = d.failure_count,
          .probe_at = d.failure_count == 0 || d.wake_at == WallTime{} ? WallTime{} : Outside(d.wake_at)};
}

void Scheduler::JoinTurn(DestinationIndex destination) {
  Destination& d = destinations_[destination];
  if (d.in_turn || !d.MayStart()) return;
  d.in_turn = true;
  turn_.push_back(destination);
}

void Scheduler::Sleep(DestinationIndex destination, WallTime until) {
  Destination& d = destinations_[destination];
  if (d.wake_at != WallTime{}) asleep_.erase({d.wake_at, destination});
  d.wake_at = until;
  asleep_.emplace(until, destination);
}

void Scheduler::Wake(DestinationIndex destination) {
  Destination& d = destinations_[destination];
  if (d.wake_at != WallTime{}) asleep_.erase({d.wake_at, destination});
  d.wake_at = {};
  JoinTurn(destination);
}

}  // namespace postern
