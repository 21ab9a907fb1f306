#include "core/bounded_queue.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "core/doorbell.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(BoundedQueue, RefusesWhenFullAndWhenEmpty) {
  BoundedQueue<int> queue(4);
  int value = 0;
  EXPECT_FALSE(queue.TryPop(value));
  for (int lap = 0; lap < 3; ++lap) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.TryPush(i));
    EXPECT_FALSE(queue.TryPush(4));
    for (int i = 0; i < 4; ++i) {
      EXPECT_FALSE(queue.LooksEmpty());
      ASSERT_TRUE(queue.TryPop(value));
      EXPECT_EQ(value, i);
    }
    EXPECT_TRUE(queue.LooksEmpty());
  }
}

TEST(BoundedQueue, RoundsUpToAPowerOfTwo) {
  EXPECT_EQ(BoundedQueue<int>(0).capacity(), 2u);
  EXPECT_EQ(BoundedQueue<int>(5).capacity(), 8u);
}

// Every value comes out once, and the values of one producer in their order.
TEST(BoundedQueue, ManyThreadsLoseAndDoubleNothing) {
  constexpr uint64_t kProducers = 3, kConsumers = 2, kValues = 30'000;
  BoundedQueue<uint64_t> queue(64);
  std::atomic<uint64_t> popped{0};
  std::vector<std::vector<uint64_t>> seen(kConsumers);
  std::vector<std::thread> threads;
  for (uint64_t p = 0; p < kProducers; ++p) {
    threads.emplace_back([&, p] {
      for (uint64_t i = 0; i < kValues; ++i) {
        while (!queue.TryPush(p << 32 | i)) std::this_thread::yield();
      }
    });
  }
  for (uint64_t c = 0; c < kConsumers; ++c) {
    threads.emplace_back([&, c] {
      uint64_t value = 0;
      while (popped.load() < kProducers * kValues) {
        if (!queue.TryPop(value)) {
          std::this_thread::yield();
          continue;
        }
        popped.fetch_add(1);
        seen[c].push_back(value);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::vector<std::vector<int>> times(kProducers, std::vector<int>(kValues, 0));
  for (const std::vector<uint64_t>& values : seen) {
    std::vector<int64_t> last(kProducers, -1);
    for (uint64_t value : values) {
      const uint64_t producer = value >> 32;
      const auto number = static_cast<int64_t>(value & 0xFFFFFFFF);
      EXPECT_LT(last[producer], number);
      last[producer] = number;
      ++times[producer][number];
    }
  }
  for (const std::vector<int>& producer : times) {
    for (int count : producer) ASSERT_EQ(count, 1);
  }
}

// The test hangs when a ring is lost: the sleeper then sleeps although something is queued.
TEST(ThreadDoorbell, LosesNoRing) {
  constexpr int kValues = 50'000;
  BoundedQueue<int> queue(16);
  ThreadDoorbell bell;
  std::thread sleeper([&] {
    for (int expected = 0, value = 0; expected < kValues;) {
      bell.SleepUnless([&] { return !queue.LooksEmpty(); });
      while (queue.TryPop(value)) EXPECT_EQ(value, expected++);
    }
  });
  for (int i = 0; i < kValues; ++i) {
    while (!queue.TryPush(i)) std::this_thread::yield();
    bell.Wake();
  }
  sleeper.join();
}

TEST(Doorbell, OnlyTheFirstRingMustShake) {
  Doorbell bell;
  EXPECT_FALSE(bell.Ring());
  bell.BeginSleep();
  EXPECT_TRUE(bell.Ring());
  EXPECT_FALSE(bell.Ring());
  bell.BeginSleep();
  bell.EndSleep();
  EXPECT_FALSE(bell.Ring());
}

}  // namespace
}  // namespace postern
