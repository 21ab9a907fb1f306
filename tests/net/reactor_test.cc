#include "net/reactor.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/net/world.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class CountingHook final : public TurnHook {
 public:
  void RunTurn() override { ++turn_count; }
  bool HasWork() const override { return has_work; }
  int turn_count = 0;
  bool has_work = false;
};

class ReactorTest : public testing::Test {
 protected:
  // How long one turn takes that may sleep for half a minute.
  Duration TimeOfTurn() {
    const MonotonicTime start = clock_.Monotonic();
    reactor_.Turn(seconds(30));
    return clock_.Monotonic() - start;
  }

  const SystemClock clock_{};
  const std::unique_ptr<Poller> poller_ = MakeSystemPoller();
  Reactor reactor_{*poller_, clock_};
};

TEST_F(ReactorTest, RunsWhatIsPostedInOrderInTheNextTurn) {
  std::string order;
  reactor_.Post([&] {
    order += "a";
    reactor_.Post([&] { order += "c"; });
  });
  reactor_.Post([&] { order += "b"; });
  EXPECT_EQ(order, "");
  reactor_.Turn(Duration::zero());
  EXPECT_EQ(order, "ab") << "what work posts waits for another turn";
  reactor_.Turn(Duration::zero());
  EXPECT_EQ(order, "abc");
}

TEST_F(ReactorTest, ATurnThatLeavesWorkDoesNotSleep) {
  CountingHook hook;
  reactor_.AddHook(hook);
  hook.has_work = true;
  EXPECT_LT(TimeOfTurn(), seconds(10));
  EXPECT_LE(reactor_.NextDue(), reactor_.now());
  reactor_.RemoveHook(hook);
  reactor_.Post([&] { reactor_.Post([] {}); });
  EXPECT_LT(TimeOfTurn(), seconds(10));
  reactor_.Turn(Duration::zero());
  EXPECT_EQ(reactor_.NextDue(), kNever);
  EXPECT_EQ(hook.turn_count, 1) << "it was removed";
}

TEST_F(ReactorTest, SleepsUntilATimerIsDue) {
  bool fired = false;
  Timer timer;
  timer.owner = &fired;
  timer.fire = [](Timer& t) { *static_cast<bool*>(t.owner) = true; };
  reactor_.timers().Arm(timer, clock_.Monotonic() + milliseconds(30));
  EXPECT_GE(TimeOfTurn(), milliseconds(25));
  reactor_.Turn(Duration::zero());
  EXPECT_TRUE(fired);
}

TEST_F(ReactorTest, WhoLingersIsWokenByNobodyAndLooksBySelf) {
  int count = 0;
  // Another thread queues something in the middle of the turn.
  const auto time_of_rung_turn = [&] {
    std::thread ringer([&] {
      std::this_thread::sleep_for(milliseconds(20));
      reactor_.Post([&] { ++count; });
    });
    const Duration time = TimeOfTurn();
    ringer.join();
    return time;
  };
  reactor_.set_linger(milliseconds(200));
  EXPECT_LT(time_of_rung_turn(), seconds(10)) << "it slept, and was woken";
  EXPECT_GE(time_of_rung_turn(), milliseconds(190)) << "it had work, and lingers";
  EXPECT_EQ(count, 1);
  EXPECT_GE(TimeOfTurn(), milliseconds(190)) << "it found work by itself";
  EXPECT_EQ(count, 2);
  EXPECT_LT(time_of_rung_turn(), seconds(10)) << "nothing had come, so it slept again";
}

TEST_F(ReactorTest, SleepsNoLongerThanItMay) {
  const MonotonicTime start = clock_.Monotonic();
  reactor_.Turn(milliseconds(20));
  EXPECT_GE(clock_.Monotonic() - start, milliseconds(15));
}

TEST_F(ReactorTest, AnotherThreadWakesIt) {
  // Again and again, since a lost wake-up is a matter of luck; the last message alone ends the loop.
  constexpr int kCount = 2000;
  int received = 0;
  std::thread other([&] {
    for (int i = 0; i < kCount; ++i) {
      reactor_.Post([&] {
        if (++received == kCount) reactor_.Post([] {});  // so that the last turn does not sleep
      });
      if (i % 64 == 0) std::this_thread::yield();
    }
  });
  const MonotonicTime start = clock_.Monotonic();
  while (received < kCount) reactor_.Turn(seconds(30));
  other.join();
  EXPECT_LT(clock_.Monotonic() - start, seconds(25)) << "a wake-up was lost";
}

TEST_F(ReactorTest, AHookFindsWhatAnotherThreadHadBeforeItWoke) {
  static constexpr int kCount = 2000;
  struct Box final : TurnHook {
    void RunTurn() override { seen = value.load(); }
    bool HasWork() const override { return value.load() != seen || seen == kCount; }
    std::atomic<int> value{0};
    int seen = 0;
  } box;
  reactor_.AddHook(box);
  std::thread other([&] {
    for (int i = 1; i <= kCount; ++i) {
      box.value.store(i);
      reactor_.Wake();
    }
  });
  const MonotonicTime start = clock_.Monotonic();
  while (box.seen < kCount) reactor_.Turn(seconds(30));
  other.join();
  reactor_.RemoveHook(box);
  EXPECT_LT(clock_.Monotonic() - start, seconds(25)) << "a wake-up was lost";
}

}  // namespace
}  // namespace postern
