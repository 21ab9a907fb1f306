#include "relay/retry_policy.h"

#include <chrono>
#include <optional>
#include <set>
#include <vector>

#include "core/envelope.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;

constexpr WallTime kNow{1'700'000'000'000'000};
constexpr MessageId kMessage{static_cast<uint64_t>(kNow.us) << 8 | 3};

bool WithinATenth(Duration interval, Duration nominal) {
  return interval >= nominal * 9 / 10 && interval <= nominal * 11 / 10;
}

TEST(RetryPolicy, WaitsAQuarterHalfOneFourAndThenFourHours) {
  const RetryPolicy policy;
  const std::vector<Duration> nominal = {minutes(15), minutes(30), hours(1), hours(4), hours(4), hours(4)};
  for (uint32_t i = 0; i < nominal.size(); ++i) {
    EXPECT_TRUE(WithinATenth(policy.Interval(i + 1, 7), nominal[i])) << "after failure " << i + 1;
  }
  EXPECT_TRUE(WithinATenth(policy.Interval(UINT32_MAX, 7), hours(4)));
}

TEST(RetryPolicy, WhatFailedTogetherDoesNotComeBackTogether) {
  const RetryPolicy policy;
  std::set<Duration> intervals;
  bool shorter = false;
  bool longer = false;
  for (uint64_t seed = 0; seed < 1'000; ++seed) {
    const Duration interval = policy.Interval(1, kMessage.number + (seed << 8));
    ASSERT_TRUE(WithinATenth(interval, minutes(15))) << "seed " << seed;
    intervals.insert(interval);
    shorter |= interval < minutes(15) * 95 / 100;
    longer |= interval > minutes(15) * 105 / 100;
  }
  EXPECT_GT(intervals.size(), 150u);  // of 201 that there are
  EXPECT_TRUE(shorter);
  EXPECT_TRUE(longer);
}

TEST(RetryPolicy, ChanceRepeatsItself) {
  const RetryPolicy policy;
  const RetryPolicy other;
  for (uint32_t failures = 1; failures < 20; ++failures) {
    EXPECT_EQ(policy.Interval(failures, 42), other.Interval(failures, 42));
  }
}

TEST(RetryPolicy, TheLastTryIsAtTheExpiry) {
  const RetryPolicy policy;
  WallTime now = kNow;
  std::vector<WallTime> tries;
  for (uint32_t failures = 1;; ++failures) {
    const std::optional<WallTime> next = policy.NextAttempt(kMessage, Priority::kNormal, failures, now);
    if (!next.has_value()) break;
    ASSERT_GT(*next, now);
    now = *next;
    tries.push_back(now);
  }
  EXPECT_EQ(tries.back(), kNow + hours(48));
  // 1.75 hours for three, and some 46 in pieces of four hours, give or take a tenth.
  EXPECT_GE(tries.size(), 14u);
  EXPECT_LE(tries.size(), 17u);
  EXPECT_FALSE(policy.NextAttempt(kMessage, Priority::kNormal, 1, kNow + hours(50)).has_value());
}

TEST(RetryPolicy, ATryThatTookBeyondTheExpiryWasTheLast) {
  RetryPolicy policy;
  policy.expiry = hours(1);
  EXPECT_EQ(policy.NextAttempt(kMessage, Priority::kNormal, 1, kNow + minutes(50)), kNow + hours(1));
  EXPECT_FALSE(policy.NextAttempt(kMessage, Priority::kNormal, 1, kNow + hours(1)).has_value());
}

TEST(RetryPolicy, UrgentMailExpiresSoonerAndNonUrgentLater) {
  RetryPolicy policy;
  EXPECT_EQ(policy.Expiry(kMessage, Priority::kNormal), kNow + hours(48));
  EXPECT_EQ(policy.Expiry(kMessage, Priority::kUrgent), kNow + hours(24));
  EXPECT_EQ(policy.Expiry(kMessage, Priority::kNonUrgent), kNow + hours(72));
  EXPECT_FALSE(policy.NextAttempt(kMessage, Priority::kUrgent, 5, kNow + hours(24)).has_value());
  EXPECT_TRUE(policy.NextAttempt(kMessage, Priority::kNormal, 5, kNow + hours(24)).has_value());
  EXPECT_TRUE(policy.NextAttempt(kMessage, Priority::kNonUrgent, 5, kNow + hours(71)).has_value());

  policy.by_priority = false;
  EXPECT_EQ(policy.Expiry(kMessage, Priority::kUrgent), kNow + hours(48));
  EXPECT_EQ(policy.Expiry(kMessage, Priority::kNonUrgent), kNow + hours(48));
}

TEST(RetryPolicy, ThePriorityIsInTheFlagsOfTheEnvelope) {
  EXPECT_EQ(PriorityOf(0), Priority::kNormal);
  EXPECT_EQ(PriorityOf(kEnvelopeUrgent), Priority::kUrgent);
  EXPECT_EQ(PriorityOf(kEnvelopeNonUrgent), Priority::kNonUrgent);
  EXPECT_EQ(PriorityOf(static_cast<uint8_t>(~(kEnvelopeUrgent | kEnvelopeNonUrgent))), Priority::kNormal);
}

TEST(WallTime, AddsWholeMicroseconds) {
  EXPECT_EQ((kNow + microseconds(5)).us, kNow.us + 5);
  EXPECT_EQ((kNow + std::chrono::nanoseconds(1'999)).us, kNow.us + 1);
}

}  // namespace
}  // namespace postern
