#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "gtest/gtest.h"
#include "net/poller.h"

namespace postern {
namespace {

// A load that is to begin every 300 us would be late by a whole millisecond otherwise. The best of many: on a machine
// that has much to do a single one may come at any time.
TEST(EpollPoller, AWaitIsNotRoundedToMilliseconds) {
  constexpr Duration kTime = std::chrono::microseconds(100);
  const SystemClock clock;
  const std::unique_ptr<Poller> poller = MakeSystemPoller();
  Duration best = Duration::max();
  for (int i = 0; i < 300 && best >= std::chrono::microseconds(700); ++i) {
    const MonotonicTime start = clock.Monotonic();
    std::vector<Op*> done;
    poller->Wait(kTime, done);
    const Duration slept = clock.Monotonic() - start;
    EXPECT_GE(slept, kTime);
    best = std::min(best, slept);
  }
  EXPECT_LT(best, std::chrono::microseconds(700));
}

}  // namespace
}  // namespace postern
