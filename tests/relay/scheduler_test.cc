#include "relay/scheduler.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using Finish = Scheduler::Finish;

constexpr WallTime kNow{1'700'000'000'000'000};
MessageId Message(uint64_t number) { return {(static_cast<uint64_t>(kNow.us) + number) << 8}; }

class SchedulerTest : public testing::Test {
 protected:
  // What is given next at `now`, as "destination:number", or nothing.
  std::string Take(WallTime now = kNow) {
    const std::optional<Scheduler::Start> start = scheduler_.TakeNext(now);
    if (!start.has_value()) return "";
    last_ = *start;
    const uint64_t number = (start->message.number >> 8) - static_cast<uint64_t>(kNow.us);
    return std::to_string(start->destination) + ":" + std::to_string(number) + (start->forced ? "!" : "");
  }

  // A destination that has earned all the attempts that it may have.
  DestinationIndex AddProven(uint32_t attempt_count_max) {
    const DestinationIndex destination = scheduler_.AddDestination(policy_, attempt_count_max);
    for (uint32_t i = 0; i < attempt_count_max; ++i) {
      scheduler_.Add(destination, Message(1'000'000), kNow);
      EXPECT_TRUE(scheduler_.TakeNext(kNow).has_value());
      scheduler_.FinishAttempt(destination, Finish::kAnswered, kNow);
    }
    return destination;
  }

  const RetryPolicy policy_ = {};
  Scheduler scheduler_;
  Scheduler::Start last_;
};

TEST_F(SchedulerTest, GivesWhatIsDueInOrder) {
  const auto a = AddProven(10);
  EXPECT_FALSE(scheduler_.next_due().has_value());
  scheduler_.Add(a, Message(1), kNow + minutes(15));
  scheduler_.Add(a, Message(3), kNow);
  scheduler_.Add(a, Message(2), kNow);
  EXPECT_EQ(scheduler_.next_due(), kNow);
  EXPECT_EQ(scheduler_.view(a).waiting_count, 3u);
  scheduler_.Advance(kNow);
  EXPECT_EQ(scheduler_.view(a).ready_count, 2u);
  EXPECT_EQ(Take(), "0:2");
  EXPECT_EQ(Take(), "0:3");
  EXPECT_EQ(Take(), "");
  EXPECT_EQ(scheduler_.next_due(), kNow + minutes(15));
  EXPECT_EQ(Take(kNow + minutes(15)), "0:1");
  EXPECT_FALSE(scheduler_.next_due().has_value());
}

TEST_F(SchedulerTest, AClockThatIsSetBackMovesNothing) {
  const DestinationIndex proven = AddProven(1);
  const DestinationIndex dead = scheduler_.AddDestination(policy_, 1);
  scheduler_.Add(dead, Message(1), kNow);
  EXPECT_EQ(Take(), "1:1");
  scheduler_.FinishAttempt(dead, Finish::kUnreachable, kNow);  // probed in a quarter of an hour, a tenth more or less
  scheduler_.Add(dead, Message(2), kNow);
  scheduler_.Add(proven, Message(3), kNow + minutes(10));
  scheduler_.HandleClockSetBack(hours(5));
  const WallTime now = kNow + -hours(5);
  EXPECT_EQ(Take(now), "");
  EXPECT_EQ(scheduler_.next_due(), now + minutes(10));
  EXPECT_EQ(Take(now + minutes(10)), "0:3");
  EXPECT_LE(scheduler_.view(dead).probe_at, now + minutes(17));
  scheduler_.Add(proven, Message(4), now + minutes(30));  // by the new clock
  scheduler_.FinishAttempt(proven, Finish::kAnswered, now + minutes(10));
  EXPECT_EQ(Take(now + minutes(17)), "1:2");
  EXPECT_EQ(Take(now + minutes(29)), "");
  EXPECT_EQ(Take(now + minutes(30)), "0:4");
}

TEST_F(SchedulerTest, DestinationsTakeTurnsHoweverLongTheirLines) {
  for (int i = 0; i < 3; ++i) AddProven(10);
  for (uint64_t i = 0; i < 5; ++i) scheduler_.Add(0, Message(i), kNow);
  scheduler_.Add(1, Message(10), kNow);
  scheduler_.Add(1, Message(11), kNow);
  scheduler_.Add(2, Message(20), kNow);
  std::vector<std::string> given;
  for (std::string next = Take(); !next.empty(); next = Take()) given.push_back(next);
  EXPECT_EQ(given, (std::vector<std::string>{"0:0", "1:10", "2:20", "0:1", "1:11", "0:2", "0:3", "0:4"}));
}

TEST_F(SchedulerTest, ASlowDestinationHoldsBackNoOther) {
  const auto slow = scheduler_.AddDestination(policy_, 2);
  const auto quick = scheduler_.AddDestination(policy_, 2);
  for (uint64_t i = 0; i < 100; ++i) scheduler_.Add(slow, Message(i), kNow);
  for (uint64_t i = 100; i < 200; ++i) scheduler_.Add(quick, Message(i), kNow);
  EXPECT_EQ(Take(), "0:0");
  EXPECT_EQ(Take(), "1:100");
  EXPECT_EQ(Take(), "0:1");
  EXPECT_EQ(Take(), "1:101");
  EXPECT_EQ(Take(), "");  // both have as many attempts under way as they may
  for (uint64_t i = 102; i < 200; ++i) {
    scheduler_.FinishAttempt(quick, Finish::kAnswered, kNow);
    EXPECT_EQ(Take(), "1:" + std::to_string(i));
  }
  EXPECT_EQ(scheduler_.view(slow).active_count, 2u);
}

TEST_F(SchedulerTest, WhoSaysNothingHoldsFewHands) {
  const auto a = scheduler_.AddDestination(policy_, 5);
  for (uint64_t i = 0; i < 100; ++i) scheduler_.Add(a, Message(i), kNow);
  EXPECT_EQ(Take(), "0:0");
  EXPECT_EQ(Take(), "0:1");
  EXPECT_EQ(Take(), "");
  scheduler_.FinishAttempt(a, Finish::kAnswered, kNow);
  EXPECT_EQ(Take(), "0:2");
  EXPECT_EQ(Take(), "0:3");
  EXPECT_EQ(Take(), "");
}

TEST_F(SchedulerTest, ProbesADeadDestinationWithOneMessageAndThenLetsAllFlow) {
  const auto a = AddProven(3);
  for (uint64_t i = 0; i < 100; ++i) scheduler_.Add(a, Message(i), kNow);
  for (int i = 0; i < 3; ++i) ASSERT_NE(Take(), "");
  for (int i = 0; i < 3; ++i) scheduler_.FinishAttempt(a, Finish::kUnreachable, kNow);
  EXPECT_EQ(Take(), "");
  EXPECT_EQ(scheduler_.view(a).failure_count, 1u);  // three side by side were one failure
  EXPECT_EQ(scheduler_.view(a).probe_at, kNow + policy_.Interval(1, a));
  EXPECT_EQ(scheduler_.next_due(), kNow + policy_.Interval(1, a));

  WallTime now = *scheduler_.next_due();
  EXPECT_EQ(Take(now), "0:3");
  EXPECT_EQ(Take(now), "");
  EXPECT_FALSE(scheduler_.next_due().has_value());  // while the probe runs there is nothing to wake up for
  scheduler_.FinishAttempt(a, Finish::kUnreachable, now);
  EXPECT_EQ(scheduler_.next_due(), now + policy_.Interval(2, a));

  now = *scheduler_.next_due();
  EXPECT_EQ(Take(now), "0:4");
  scheduler_.FinishAttempt(a, Finish::kAnswered, now);
  for (int i = 5; i < 8; ++i) EXPECT_EQ(Take(now), "0:" + std::to_string(i));
  EXPECT_EQ(Take(now), "");
}

TEST_F(SchedulerTest, AProbeThatProvesNothingIsFollowedByAnother) {
  const auto a = scheduler_.AddDestination(policy_, 3);
  for (uint64_t i = 0; i < 9; ++i) scheduler_.Add(a, Message(i), kNow);
  ASSERT_EQ(Take(), "0:0");
  scheduler_.FinishAttempt(a, Finish::kUnreachable, kNow);
  const WallTime probe = *scheduler_.next_due();
  EXPECT_EQ(Take(probe), "0:1");
  scheduler_.DropAttempt(a);  // it had been settled meanwhile
  EXPECT_EQ(Take(probe), "0:2");
  scheduler_.FinishAttempt(a, Finish::kNeither, probe);
  EXPECT_EQ(Take(probe), "0:3");
  EXPECT_EQ(Take(probe), "");
}

TEST_F(SchedulerTest, WhatWasUnderWayWhenADestinationWentDownMayProveItAlive) {
  const auto a = scheduler_.AddDestination(policy_, 2);
  for (uint64_t i = 0; i < 9; ++i) scheduler_.Add(a, Message(i), kNow);
  ASSERT_EQ(Take(), "0:0");
  ASSERT_EQ(Take(), "0:1");
  scheduler_.FinishAttempt(a, Finish::kUnreachable, kNow);
  EXPECT_EQ(Take(*scheduler_.next_due()), "");  // that one is probe enough
  scheduler_.FinishAttempt(a, Finish::kAnswered, kNow);
  EXPECT_EQ(Take(), "0:2");
  EXPECT_EQ(Take(), "0:3");
}

TEST_F(SchedulerTest, AnOperatorNeedsNotWait) {
  const auto a = scheduler_.AddDestination(policy_, 3);
  for (uint64_t i = 0; i < 9; ++i) scheduler_.Add(a, Message(i), kNow);
  ASSERT_EQ(Take(), "0:0");
  scheduler_.FinishAttempt(a, Finish::kUnreachable, kNow);
  scheduler_.AddForced(a, Message(7), kNow);
  scheduler_.AddForced(a, Message(8), kNow);
  EXPECT_EQ(Take(), "0:8!");
  EXPECT_EQ(Take(), "");
  scheduler_.FinishAttempt(a, Finish::kUnreachable, kNow);
  EXPECT_EQ(Take(), "");  // one was enough to know: the other keeps its place at the front
  EXPECT_EQ(Take(*scheduler_.next_due()), "0:7!");
}

TEST_F(SchedulerTest, WhatWasPutBackIsFirstAfterThePause) {
  const auto a = scheduler_.AddDestination(policy_, 2);
  const auto b = scheduler_.AddDestination(policy_, 2);
  for (uint64_t i = 0; i < 3; ++i) scheduler_.Add(a, Message(i), kNow);
  scheduler_.Add(b, Message(9), kNow);
  ASSERT_EQ(Take(), "0:0");
  scheduler_.PutBack(last_, kNow + minutes(1));
  EXPECT_EQ(Take(), "1:9");
  EXPECT_EQ(Take(), "");
  EXPECT_EQ(scheduler_.view(a).active_count, 0u);
  EXPECT_EQ(scheduler_.view(a).ready_count, 3u);
  EXPECT_EQ(scheduler_.view(a).probe_at, WallTime{});  // it is not down
  EXPECT_EQ(scheduler_.next_due(), kNow + minutes(1));
  EXPECT_EQ(Take(kNow + minutes(1)), "0:0");
  EXPECT_EQ(Take(kNow + minutes(1)), "0:1");
}

TEST_F(SchedulerTest, AnAnswerEndsThePause) {
  const auto a = scheduler_.AddDestination(policy_, 5);
  for (uint64_t i = 0; i < 3; ++i) scheduler_.Add(a, Message(i), kNow);
  ASSERT_EQ(Take(), "0:0");
  ASSERT_EQ(Take(), "0:1");
  scheduler_.PutBack(last_, kNow + minutes(1));
  EXPECT_EQ(Take(), "");
  scheduler_.FinishAttempt(a, Finish::kAnswered, kNow);  // its connection is free now
  EXPECT_EQ(Take(), "0:1");
  EXPECT_FALSE(scheduler_.next_due().has_value());
}

TEST_F(SchedulerTest, WithoutAnyAttemptAllowedNothingStartsEver) {
  const auto a = scheduler_.AddDestination(policy_, 0);
  scheduler_.Add(a, Message(1), kNow);
  scheduler_.AddForced(a, Message(2), kNow);
  EXPECT_EQ(Take(kNow + hours(1000)), "");
  EXPECT_FALSE(scheduler_.next_due().has_value());
  EXPECT_EQ(scheduler_.view(a).ready_count, 2u);
}

TEST_F(SchedulerTest, SlotsOfRemovedDestinationsAreUsedAgainAndRememberNothing) {
  const auto a = scheduler_.AddDestination(policy_, 1);
  EXPECT_TRUE(scheduler_.Unused(a));
  scheduler_.Add(a, Message(1), kNow);
  EXPECT_FALSE(scheduler_.Unused(a));
  scheduler_.Advance(kNow);
  EXPECT_FALSE(scheduler_.Unused(a));
  ASSERT_EQ(Take(), "0:1");
  EXPECT_FALSE(scheduler_.Unused(a));
  scheduler_.FinishAttempt(a, Finish::kUnreachable, kNow);
  EXPECT_TRUE(scheduler_.Unused(a));
  scheduler_.RemoveDestination(a);
  EXPECT_FALSE(scheduler_.next_due().has_value());

  EXPECT_EQ(scheduler_.AddDestination(policy_, 2), a);
  EXPECT_EQ(scheduler_.view(a).failure_count, 0u);
  scheduler_.Add(a, Message(2), kNow);
  scheduler_.Add(a, Message(3), kNow);
  EXPECT_EQ(Take(), "0:2");
  EXPECT_EQ(Take(), "0:3");
}

TEST_F(SchedulerTest, AProbeBeforeItsTimeIsNoFailureMore) {
  const auto a = scheduler_.AddDestination(policy_, 10);
  for (uint64_t i = 0; i < 2; ++i) scheduler_.Add(a, Message(i), kNow);
  ASSERT_EQ(Take(), "0:0");
  scheduler_.FinishAttempt(a, Finish::kUnreachable, kNow);
  EXPECT_EQ(Take(), "");
  const WallTime planned = scheduler_.view(a).probe_at;
  scheduler_.ProbeNow(a);
  EXPECT_EQ(Take(), "0:1");
  scheduler_.FinishAttempt(a, Finish::kUnreachable, kNow);
  EXPECT_EQ(scheduler_.view(a).failure_count, 1u);
  EXPECT_EQ(scheduler_.view(a).probe_at, planned);
  EXPECT_EQ(scheduler_.next_due(), planned);
}

// The same as the scheduler, without a thought for what it costs.
class NaiveScheduler {
 public:
  struct Destination {
    std::multiset<std::pair<WallTime, MessageId>> waiting;
    std::deque<LinedMessage> ready;
    uint32_t attempt_count_max = 0;
    uint32_t attempts_allowed = 0;
    uint32_t active_count = 0;
    uint32_t failure_count = 0;
    WallTime wake_at;
    WallTime probe_at;
    std::map<DestinationIndex, int> passed_by;  // how often others started since it may start

    bool MayStart() const {
      if (ready.empty() || wake_at.us != 0) return false;
      if (failure_count > 0) return attempt_count_max > 0 && active_count == 0;
      return active_count < attempts_allowed;
    }
  };
  std::map<DestinationIndex, Destination> destinations;

  void Advance(WallTime now) {
    for (auto& [_, d] : destinations) {
      while (!d.waiting.empty() && d.waiting.begin()->first <= now) {
        d.ready.push_back({.message = d.waiting.begin()->second});
        d.waiting.erase(d.waiting.begin());
      }
      if (d.wake_at <= now) d.wake_at = {};
    }
  }

  std::optional<WallTime> next_due() const {
    std::optional<WallTime> due;
    const auto consider = [&](WallTime time) { due = std::min(due.value_or(time), time); };
    for (const auto& [_, d] : destinations) {
      if (!d.waiting.empty()) consider(d.waiting.begin()->first);
      if (d.wake_at.us != 0) consider(d.wake_at);
    }
    return due;
  }

  // Nothing, or what is wrong with `start`.
  std::string Check(const std::optional<Scheduler::Start>& start) {
    if (!start.has_value()) {
      for (const auto& [index, d] : destinations) {
        if (d.MayStart()) return "nothing was given, and " + std::to_string(index) + " may start";
      }
      return "";
    }
    Destination& d = destinations.at(start->destination);
    if (!d.MayStart()) return "it may not start";
    if (d.ready.front().message != start->message || d.ready.front().forced != start->forced) return "not the first";
    for (auto& [index, other] : destinations) {
      if (index == start->destination || !other.MayStart()) continue;
      if (++other.passed_by[start->destination] > 1) return "unfair to " + std::to_string(index);
    }
    d.ready.pop_front();
    ++d.active_count;
    return "";
  }

  void ForgetWhoMayNotStart(DestinationIndex just_started) {
    for (auto& [index, d] : destinations) {
      if (index == just_started || !d.MayStart()) d.passed_by.clear();
    }
  }
};

// A scheduler and its model, led through the same life.
class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed) { policy_.intervals = {std::chrono::seconds(10), minutes(1)}; }

  // Nothing, or what went wrong.
  std::string Run(int step_count) {
    for (int i = 0; i < step_count; ++i) {
      const std::string error = Step();
      if (!error.empty()) return "step " + std::to_string(i) + ": " + error;
    }
    return "";
  }

 private:
  uint32_t Below(uint32_t bound) { return std::uniform_int_distribution<uint32_t>(0, bound - 1)(random_); }

  std::string Step() {
    DestinationIndex started = UINT32_MAX;
    const uint32_t choice = Below(100);
    if (choice < 4 || model_.destinations.empty()) {
      AddDestination();
    } else if (choice < 8) {
      RemoveDestination();
    } else if (choice < 10) {
      const DestinationIndex index = AnyDestination();
      scheduler_.ProbeNow(index);
      model_.destinations.at(index).wake_at = {};
    } else if (choice < 35) {
      AddMessage();
    } else if (choice < 55) {
      now_ = now_ + std::chrono::milliseconds(Below(20'000));
      scheduler_.Advance(now_);
      model_.Advance(now_);
    } else if (choice < 80) {
      model_.Advance(now_);
      const std::optional<Scheduler::Start> start = scheduler_.TakeNext(now_);
      std::string error = model_.Check(start);
      if (!error.empty()) return error;
      if (start.has_value()) under_way_.push_back(*start);
      if (start.has_value()) started = start->destination;
    } else if (!under_way_.empty()) {
      EndAttempt();
    }
    model_.ForgetWhoMayNotStart(started);
    return Compare();
  }

  void AddDestination() {
    const uint32_t attempt_count_max = Below(6);
    const DestinationIndex index = scheduler_.AddDestination(policy_, attempt_count_max);
    NaiveScheduler::Destination d;
    d.attempt_count_max = attempt_count_max;
    d.attempts_allowed = std::min(attempt_count_max, Scheduler::kFirstAttemptCount);
    EXPECT_TRUE(model_.destinations.emplace(index, d).second) << "index " << index << " is in use";
  }

  void RemoveDestination() {
    const DestinationIndex index = AnyDestination();
    const NaiveScheduler::Destination& d = model_.destinations.at(index);
    const bool unused = d.waiting.empty() && d.ready.empty() && d.active_count == 0;
    EXPECT_EQ(scheduler_.Unused(index), unused);
    if (!unused) return;
    scheduler_.RemoveDestination(index);
    model_.destinations.erase(index);
  }

  void AddMessage() {
    const DestinationIndex index = AnyDestination();
    NaiveScheduler::Destination& d = model_.destinations.at(index);
    const MessageId message = Message(++message_count_);
    if (Below(8) == 0) {
      scheduler_.AddForced(index, message, now_);
      d.ready.push_front({.message = message, .forced = true});
      d.wake_at = {};
      return;
    }
    const WallTime due = now_ + std::chrono::milliseconds(Below(30'000));
    scheduler_.Add(index, message, due);
    d.waiting.emplace(due, message);
  }

  void EndAttempt() {
    std::swap(under_way_[Below(static_cast<uint32_t>(under_way_.size()))], under_way_.back());
    const Scheduler::Start start = under_way_.back();
    under_way_.pop_back();
    NaiveScheduler::Destination& d = model_.destinations.at(start.destination);
    --d.active_count;
    switch (Below(5)) {
      case 0: scheduler_.DropAttempt(start.destination); break;
      case 1: {
        const WallTime not_before = now_ + std::chrono::milliseconds(1 + Below(5'000));
        scheduler_.PutBack(start, not_before);
        d.ready.push_front({.message = start.message, .forced = start.forced});
        d.wake_at = std::max(d.wake_at, not_before);
        break;
      }
      case 2:
        scheduler_.FinishAttempt(start.destination, Finish::kAnswered, now_);
        d.failure_count = 0;
        d.attempts_allowed = std::min(d.attempt_count_max, d.attempts_allowed + 1);
        d.wake_at = {};
        break;
      case 3:
        scheduler_.FinishAttempt(start.destination, Finish::kUnreachable, now_);
        if (d.failure_count == 0 || d.probe_at <= now_) {
          ++d.failure_count;
          d.attempts_allowed = std::min(d.attempt_count_max, Scheduler::kFirstAttemptCount);
          d.probe_at = now_ + policy_.Interval(d.failure_count, start.destination);
        }
        d.wake_at = std::max(d.wake_at, d.probe_at);
        break;
      default: scheduler_.FinishAttempt(start.destination, Finish::kNeither, now_);
    }
  }

  std::string Compare() const {
    if (scheduler_.next_due() != model_.next_due()) return "next_due differs";
    for (const auto& [index, d] : model_.destinations) {
      const Scheduler::View view = scheduler_.view(index);
      const std::string at = " of destination " + std::to_string(index);
      if (view.waiting_count != d.waiting.size()) return "waiting_count" + at;
      if (view.ready_count != d.ready.size()) return "ready_count" + at;
      if (view.active_count != d.active_count) return "active_count" + at;
      if (view.failure_count != d.failure_count) return "failure_count" + at;
      if (view.probe_at != (d.failure_count == 0 ? WallTime{} : d.wake_at)) return "probe_at" + at;
    }
    return "";
  }

  DestinationIndex AnyDestination() {
    return std::next(model_.destinations.begin(), Below(static_cast<uint32_t>(model_.destinations.size())))->first;
  }

  std::mt19937_64 random_;
  RetryPolicy policy_;
  Scheduler scheduler_;
  NaiveScheduler model_;
  WallTime now_ = kNow;
  uint64_t message_count_ = 0;
  std::vector<Scheduler::Start> under_way_;
};

TEST(SchedulerProperty, DoesWhatANaiveOneDoes) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    ASSERT_EQ(Life(seed).Run(1'000), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace postern
