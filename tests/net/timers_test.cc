#include "net/timers.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

// A timer that does what a test says.
struct Alarm : Timer {
  explicit Alarm(std::function<void()> ring) : ring(std::move(ring)) {
    owner = this;
    fire = [](Timer& timer) { static_cast<Alarm*>(timer.owner)->ring(); };
  }
  std::function<void()> ring;
};

class TimersTest : public testing::Test {
 protected:
  std::function<void()> Note(std::string name) {
    return [this, name] { rung_ += name; };
  }

  Timers timers_;
  std::string rung_;
};

TEST_F(TimersTest, FireInTheOrderOfTheirTimes) {
  Alarm a(Note("a")), b(Note("b")), c(Note("c"));
  timers_.Arm(b, {20});
  timers_.Arm(c, {30});
  timers_.Arm(a, {10});
  EXPECT_EQ(timers_.NextDue(), MonotonicTime{10});
  timers_.FireDue({9});
  EXPECT_EQ(rung_, "");
  timers_.FireDue({20});
  EXPECT_EQ(rung_, "ab");
  EXPECT_EQ(timers_.NextDue(), MonotonicTime{30});
  timers_.Disarm(c);
  EXPECT_EQ(timers_.NextDue(), kNever);
}

TEST_F(TimersTest, OneThatIsMovedFiresOnceAtItsLastTime) {
  Alarm later(Note("l")), earlier(Note("e"));
  timers_.Arm(later, {10});
  timers_.Arm(later, {50});
  timers_.Arm(earlier, {40});
  timers_.Arm(earlier, {5});
  timers_.FireDue({20});
  EXPECT_EQ(rung_, "e");
  timers_.FireDue({49});
  EXPECT_EQ(rung_, "e");
  timers_.FireDue({50});
  EXPECT_EQ(rung_, "el");
  timers_.FireDue({1000});
  EXPECT_EQ(rung_, "el");
}

TEST_F(TimersTest, OneThatArmsItselfForThePastWaitsForTheNextCall) {
  Alarm eager([&] {
    rung_ += "x";
    timers_.Arm(eager, {1});
  });
  timers_.Arm(eager, {1});
  timers_.FireDue({10});
  EXPECT_EQ(rung_, "x");
  timers_.FireDue({10});
  EXPECT_EQ(rung_, "xx");
  timers_.Disarm(eager);
}

TEST_F(TimersTest, WhatIsDueMayStillBeDisarmedOrMoved) {
  Alarm disarmed(Note("d")), moved(Note("m"));
  Alarm first([&] {
    rung_ += "f";
    timers_.Disarm(disarmed);
    timers_.Arm(moved, {30});
  });
  timers_.Arm(first, {1});
  timers_.Arm(disarmed, {2});
  timers_.Arm(moved, {3});
  timers_.FireDue({10});
  EXPECT_EQ(rung_, "f");
  timers_.FireDue({30});
  EXPECT_EQ(rung_, "fm");
}

// Against a list of deadlines, which cannot be wrong.
TEST_F(TimersTest, DoWhatAListWouldDo) {
  constexpr size_t kCount = 50;
  std::mt19937 random(20261125);
  std::vector<MonotonicTime> expected(kCount, kNever);
  std::vector<int> fired(kCount, 0), due(kCount, 0);
  std::vector<std::unique_ptr<Alarm>> alarms;
  for (size_t i = 0; i < kCount; ++i) alarms.push_back(std::make_unique<Alarm>([&fired, i] { ++fired[i]; }));
  MonotonicTime now{0};
  for (int step = 0; step < 20'000; ++step) {
    const size_t i = random() % kCount;
    switch (random() % 4) {
      case 0:
      case 1:
        expected[i] = {now.ns + static_cast<int64_t>(random() % 100)};
        timers_.Arm(*alarms[i], expected[i]);
        break;
      case 2:
        expected[i] = kNever;
        timers_.Disarm(*alarms[i]);
        break;
      default:
        now.ns += static_cast<int64_t>(random() % 30);
        EXPECT_LE(timers_.NextDue(), *std::min_element(expected.begin(), expected.end()));
        timers_.FireDue(now);
        for (size_t k = 0; k < kCount; ++k) {
          if (expected[k] > now) continue;
          ++due[k];
          expected[k] = kNever;
        }
        ASSERT_EQ(fired, due) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace postern
