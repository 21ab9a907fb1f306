#include "relay/scheduler.h"

#include <chrono>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr WallTime kNow{1'700'000'000'000'000};
MessageId Born(WallTime t, uint8_t source = 0) { return {static_cast<uint64_t>(t.us) << 8 | source}; }

TEST(RetryPolicy, WaitsAQuarterHalfOneFourAndThenFourHours) {
  const RetryPolicy policy;
  WallTime now = kNow;
  std::vector<Duration> offsets;
  for (uint32_t failures = 1;; ++failures) {
    const std::optional<WallTime> next = policy.NextAttempt(kNow, failures, now);
    if (!next.has_value()) break;
    now = *next;
    offsets.push_back(std::chrono::microseconds(now.us - kNow.us));
  }
  ASSERT_EQ(offsets.size(), 15u);
  EXPECT_EQ(offsets[0], minutes(15));
  EXPECT_EQ(offsets[1], minutes(45));
  EXPECT_EQ(offsets[2], minutes(105));
  EXPECT_EQ(offsets[3], minutes(345));
  EXPECT_EQ(offsets[4], minutes(585));
  EXPECT_EQ(offsets.back(), hours(48));
}

TEST(Scheduler, GivesWhatIsDueInOrder) {
  Scheduler scheduler{RetryPolicy()};
  const auto destination = scheduler.AddDestination(10);
  EXPECT_FALSE(scheduler.next_due().has_value());
  scheduler.Add(destination, Born(kNow, 1), kNow + minutes(15));
  scheduler.Add(destination, Born(kNow, 2), kNow);
  EXPECT_EQ(*scheduler.next_due(), kNow);
  EXPECT_FALSE(scheduler.TakeNext(destination, kNow).has_value());
  scheduler.Advance(kNow);
  EXPECT_EQ(scheduler.TakeNext(destination, kNow)->message, Born(kNow, 2));
  EXPECT_FALSE(scheduler.TakeNext(destination, kNow).has_value());
  EXPECT_EQ(*scheduler.next_due(), kNow + minutes(15));
  scheduler.Advance(kNow + minutes(15));
  EXPECT_EQ(scheduler.TakeNext(destination, kNow + minutes(15))->message, Born(kNow, 1));
  EXPECT_FALSE(scheduler.next_due().has_value());
}

TEST(Scheduler, BoundsTheAttemptsAtOnceOfEachDestinationAlone) {
  Scheduler scheduler{RetryPolicy()};
  const auto a = scheduler.AddDestination(2);
  const auto b = scheduler.AddDestination(2);
  for (uint8_t i = 0; i < 5; ++i) scheduler.Add(a, Born(kNow, i), kNow);
  scheduler.Add(b, Born(kNow, 9), kNow);
  scheduler.Advance(kNow);
  EXPECT_TRUE(scheduler.TakeNext(a, kNow).has_value());
  EXPECT_TRUE(scheduler.TakeNext(a, kNow).has_value());
  EXPECT_FALSE(scheduler.TakeNext(a, kNow).has_value());
  EXPECT_TRUE(scheduler.TakeNext(b, kNow).has_value());
  scheduler.FinishAttempt(a, Scheduler::Finish::kAnswered, kNow);
  EXPECT_TRUE(scheduler.TakeNext(a, kNow).has_value());
}

TEST(Scheduler, ProbesADeadDestinationWithOneMessageAndThenLetsAllFlow) {
  Scheduler scheduler{RetryPolicy()};
  const auto destination = scheduler.AddDestination(3);
  for (int i = 0; i < 100; ++i) scheduler.Add(destination, Born(kNow, static_cast<uint8_t>(i)), kNow);
  scheduler.Advance(kNow);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(scheduler.TakeNext(destination, kNow).has_value());
  for (int i = 0; i < 3; ++i) scheduler.FinishAttempt(destination, Scheduler::Finish::kUnreachable, kNow);
  EXPECT_FALSE(scheduler.TakeNext(destination, kNow).has_value());
  EXPECT_EQ(*scheduler.next_due(), kNow + minutes(15));  // three side by side were one failure

  WallTime now = kNow + minutes(15);
  ASSERT_TRUE(scheduler.TakeNext(destination, now).has_value());
  EXPECT_FALSE(scheduler.TakeNext(destination, now).has_value());
  EXPECT_FALSE(scheduler.next_due().has_value());  // while the probe runs there is nothing to wake up for
  scheduler.FinishAttempt(destination, Scheduler::Finish::kUnreachable, now);
  EXPECT_EQ(*scheduler.next_due(), now + minutes(30));

  now = now + minutes(30);
  ASSERT_TRUE(scheduler.TakeNext(destination, now).has_value());
  scheduler.FinishAttempt(destination, Scheduler::Finish::kAnswered, now);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(scheduler.TakeNext(destination, now).has_value());
}

TEST(Scheduler, AnOperatorNeedsNotWait) {
  Scheduler scheduler{RetryPolicy()};
  const auto destination = scheduler.AddDestination(3);
  for (uint8_t i = 0; i < 3; ++i) scheduler.Add(destination, Born(kNow, i), kNow);
  scheduler.Advance(kNow);
  ASSERT_TRUE(scheduler.TakeNext(destination, kNow).has_value());
  scheduler.FinishAttempt(destination, Scheduler::Finish::kUnreachable, kNow);
  scheduler.AddForced(destination, Born(kNow, 2), kNow);
  const std::optional<Scheduler::Item> item = scheduler.TakeNext(destination, kNow);
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->message, Born(kNow, 2));
  EXPECT_TRUE(item->forced);
}

TEST(Scheduler, WhatExpiresBehindADeadDestinationComesOutOfTheLine) {
  Scheduler scheduler{RetryPolicy()};
  const auto destination = scheduler.AddDestination(1);
  const WallTime old{kNow.us - std::chrono::microseconds(hours(47)).count()};
  scheduler.Add(destination, Born(kNow, 0), kNow);
  scheduler.Advance(kNow);
  ASSERT_TRUE(scheduler.TakeNext(destination, kNow).has_value());
  scheduler.FinishAttempt(destination, Scheduler::Finish::kUnreachable, kNow);
  scheduler.Add(destination, Born(old, 1), kNow);
  scheduler.Add(destination, Born(kNow, 2), kNow);
  scheduler.Advance(kNow);
  EXPECT_FALSE(scheduler.TakeExpired(destination, kNow).has_value());
  const WallTime later = kNow + hours(1);
  EXPECT_EQ(scheduler.TakeExpired(destination, later)->message, Born(old, 1));
  scheduler.DropAttempt(destination);
  EXPECT_FALSE(scheduler.TakeExpired(destination, later).has_value());
}

TEST(Scheduler, AHundredThousandBehindADeadHostCostNothing) {
  Scheduler scheduler{RetryPolicy()};
  const auto destination = scheduler.AddDestination(10);
  for (int i = 0; i < 100'000; ++i) scheduler.Add(destination, Born({kNow.us + i}), kNow);
  scheduler.Advance(kNow);
  ASSERT_TRUE(scheduler.TakeNext(destination, kNow).has_value());
  scheduler.FinishAttempt(destination, Scheduler::Finish::kUnreachable, kNow);
  for (int i = 0; i < 100'000; ++i) {
    scheduler.Advance(kNow);
    EXPECT_FALSE(scheduler.MayStart(destination, kNow));
  }
}

}  // namespace
}  // namespace postern
