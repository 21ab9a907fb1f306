// When messages are due, and which of them are begun and count.

#include "bench/load/pacer.h"

#include <chrono>
#include <optional>

#include "bench/load/plan.h"
#include "bench/load/timeline.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime kStart{1'000'000'000};

TEST(Pacer, InAClosedLoopIsDueWheneverAsked) {
  Pacer pacer;
  for (const int64_t ns : {5, 6, 7}) EXPECT_EQ(pacer.TakeDue({ns}), MonotonicTime{ns});
}

TEST(Pacer, InAnOpenLoopKeepsItsTimesHoweverLateItIsAsked) {
  Pacer pacer(200, kStart, 0);
  EXPECT_EQ(pacer.TakeDue(kStart + Duration(-1)), std::nullopt);
  EXPECT_EQ(pacer.TakeDue(kStart), kStart);
  EXPECT_EQ(pacer.TakeDue(kStart), std::nullopt);
  EXPECT_EQ(pacer.next_due(), kStart + milliseconds(5));
  // Half a second in which nobody could ask: a hundred were due, each at its own time.
  const MonotonicTime late = kStart + milliseconds(500);
  for (int i = 1; i <= 100; ++i) EXPECT_EQ(pacer.TakeDue(late), kStart + milliseconds(5) * i);
  EXPECT_EQ(pacer.TakeDue(late), std::nullopt);
}

TEST(Pacer, DoesNotDrift) {
  Pacer pacer(3, kStart, 0);
  for (int i = 0; i < 3'000'000; ++i) pacer.TakeDue(kNever);
  EXPECT_EQ(pacer.next_due(), kStart + seconds(1'000'000));
}

TEST(Pacer, SharesOfAnIntervalTakeTurns) {
  Pacer first(50, kStart, 0);
  Pacer second(50, kStart, 0.5);
  EXPECT_EQ(first.next_due(), kStart);
  EXPECT_EQ(second.next_due(), kStart + milliseconds(10));
  second.TakeDue(kNever);
  EXPECT_EQ(second.next_due(), kStart + milliseconds(30));
}

TEST(Plan, EndsAfterItsTime) {
  Plan plan(seconds(1), seconds(2), 0);
  plan.Begin(kStart);
  EXPECT_FALSE(plan.Counts(kStart));
  EXPECT_TRUE(plan.TryTake(kStart)) << "the warm-up is load too";
  EXPECT_TRUE(plan.Counts(kStart + seconds(1)));
  EXPECT_TRUE(plan.TryTake(kStart + seconds(3) + Duration(-1)));
  EXPECT_FALSE(plan.Over(kStart + seconds(3) + Duration(-1)));
  EXPECT_FALSE(plan.TryTake(kStart + seconds(3)));
  EXPECT_TRUE(plan.Over(kStart + seconds(3)));
}

TEST(Plan, EndsAfterItsMessagesOfWhichTheWarmUpHasNone) {
  Plan plan(seconds(1), Duration::zero(), 2);
  plan.Begin(kStart);
  EXPECT_EQ(plan.end(), kNever);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(plan.TryTake(kStart));
  EXPECT_TRUE(plan.TryTake(kStart + seconds(1)));
  EXPECT_TRUE(plan.TryTake(kStart + seconds(1)));
  EXPECT_FALSE(plan.all_taken()) << "that is seen when one more is asked for";
  EXPECT_FALSE(plan.TryTake(kStart + seconds(1)));
  EXPECT_TRUE(plan.Over(kStart + seconds(1)));
}

TEST(Plan, EndsWhenItIsStopped) {
  Plan plan(Duration::zero(), Duration::zero(), 0);
  plan.Begin(kStart);
  EXPECT_TRUE(plan.TryTake(kStart));
  plan.Stop();
  EXPECT_FALSE(plan.TryTake(kStart));
  EXPECT_TRUE(plan.Over(kStart));
}

TEST(Timeline, AddsUpByTenthsOfASecond) {
  Timeline timeline;
  timeline.Begin(kStart);
  timeline.Add(kStart + Duration(-1), {.message_count = 1});
  EXPECT_TRUE(timeline.slots().empty()) << "before the start";
  timeline.Add(kStart, {.message_count = 1, .byte_count = 10});
  timeline.Add(kStart + milliseconds(99), {.message_count = 1, .byte_count = 10});
  Timeline other;
  other.Begin(kStart);
  other.Add(kStart + milliseconds(250), {.failed_count = 1});
  other.Add(kStart + milliseconds(50), {.message_count = 1, .byte_count = 5});
  timeline.Merge(other);
  ASSERT_EQ(timeline.slots().size(), 3u);
  EXPECT_EQ(timeline.slots()[0].message_count, 3u);
  EXPECT_EQ(timeline.slots()[0].byte_count, 25u);
  EXPECT_EQ(timeline.slots()[2].failed_count, 1u);
  EXPECT_EQ(timeline.last(), Duration(milliseconds(250)));
  EXPECT_EQ(timeline.SumUntil(milliseconds(100)).message_count, 3u);
  EXPECT_EQ(timeline.SumUntil(milliseconds(299)).failed_count, 0u) << "a part of a slot is left out";
  EXPECT_EQ(timeline.SumUntil(milliseconds(300)).failed_count, 1u);
}

}  // namespace
}  // namespace postern
