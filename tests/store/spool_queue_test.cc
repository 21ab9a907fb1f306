#include "store/spool_queue.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(SpoolQueue, NoMorePlacesThanThereAre) {
  SpoolQueue queue(4);
  EXPECT_TRUE(queue.TryReserve(3));
  EXPECT_FALSE(queue.TryReserve(2));
  EXPECT_TRUE(queue.TryReserve(1));
  EXPECT_FALSE(queue.TryReserve(1));
  queue.GiveBack(2);
  EXPECT_FALSE(queue.TryReserve(3));
  EXPECT_TRUE(queue.TryReserve(2));
}

// Whoever has a place can push, whatever the others do meanwhile.
TEST(SpoolQueue, AReservedPushNeverFails) {
  constexpr size_t kPlaces = 8;
  constexpr int kRounds = 20'000;
  SpoolQueue queue(kPlaces);
  std::atomic<size_t> held{0};
  std::atomic<bool> failed{false};
  std::atomic<int> pushed{0};
  std::vector<std::thread> producers;
  std::vector<Handoff> handoffs(3);
  for (Handoff& handoff : handoffs) {
    producers.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        const size_t count = 1 + static_cast<size_t>(i % 3);
        while (!queue.TryReserve(count)) std::this_thread::yield();
        if (held.fetch_add(count) + count > kPlaces) failed = true;
        for (size_t k = 0; k < count; ++k) {
          if (!queue.TryPush(&handoff)) failed = true;
        }
        pushed += static_cast<int>(count);
      }
    });
  }
  // The consumer gives each place back when the handoff has left the queue.
  int total = 0;
  for (int i = 0; i < kRounds; ++i) total += (1 + i % 3) * 3;
  for (int popped = 0; popped < total; ++popped) {
    Handoff* handoff = nullptr;
    while (!queue.TryPop(handoff)) std::this_thread::yield();
    held.fetch_sub(1);
    queue.GiveBack(1);
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_FALSE(failed);
  EXPECT_EQ(pushed, total);
  EXPECT_TRUE(queue.LooksEmpty());
  EXPECT_TRUE(queue.TryReserve(kPlaces));
}

}  // namespace
}  // namespace postern
