#include "gateway/stall_watch.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

class FixedClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return {}; }
  WallTime Wall() const override { return {}; }
};

class StallWatchTest : public testing::Test {
 protected:
  StallWatchTest() { watch_.Add(steps_, "/srv/store/0", "mail is neither taken nor refused"); }

  // What is told at `seconds`.
  std::string LookAt(int seconds) {
    lines_.clear();
    watch_.Look({std::chrono::duration_cast<Duration>(std::chrono::seconds(seconds)).count()});
    return lines_;
  }

  const FixedClock clock_;
  std::string lines_;
  EventLog events_{clock_, [this](std::string_view line) { lines_ += line; }};
  StallWatch watch_{events_};
  StepCount steps_;
};

TEST_F(StallWatchTest, TellsOfALongStepOnceAndOfItsEnd) {
  std::optional<StepCount::Scope> step(steps_);
  EXPECT_EQ(LookAt(100), "");
  EXPECT_EQ(LookAt(104), "");
  EXPECT_NE(LookAt(105).find("dir=/srv/store/0 text=\"the disk has not answered for 5 s: mail is neither"),
            std::string::npos);
  EXPECT_EQ(LookAt(106), "");
  step.reset();
  EXPECT_NE(LookAt(130).find("the disk answers again after 30 s"), std::string::npos);
  EXPECT_EQ(LookAt(131), "");
}

TEST_F(StallWatchTest, IsSilentAboutManyShortSteps) {
  for (int second = 100; second < 120; ++second) {
    const StepCount::Scope step(steps_);
    EXPECT_EQ(LookAt(second), "");
  }
}

TEST_F(StallWatchTest, IsSilentAboutAThreadThatHasNothingToDo) {
  EXPECT_EQ(LookAt(100), "");
  EXPECT_EQ(LookAt(200), "");
  { const StepCount::Scope step(steps_); }
  EXPECT_EQ(LookAt(300), "");
  EXPECT_EQ(LookAt(400), "");
}

}  // namespace
}  // namespace postern
