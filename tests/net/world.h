// World is a poller and a clock to test with: the system's own, or a simulated one made by a seed.
//
// A test owns it, on its one thread. What a test waits for comes, or the wait ends after kPatience of the world's time.

#ifndef POSTERN_TESTS_NET_WORLD_H_
#define POSTERN_TESTS_NET_WORLD_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "gtest/gtest.h"
#include "net/poller.h"
#include "net/reactor.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_poller.h"

namespace postern {

class World {
 public:
  static constexpr uint64_t kSystem = 0;  // any other seed is that of a simulation
  static constexpr Duration kPatience = std::chrono::seconds(10);

  explicit World(uint64_t seed)
      : network_(seed == kSystem ? nullptr : std::make_unique<SimNetwork>(sim_clock_, seed)), poller_(MakePoller()) {}

  bool simulated() const { return network_ != nullptr; }
  std::unique_ptr<Poller> MakePoller() {
    return simulated() ? std::make_unique<SimPoller>(*network_) : MakeSystemPoller();
  }
  Poller& poller() { return *poller_; }
  Sockets& sockets() { return poller_->sockets(); }
  SimNetwork& network() { return *network_; }
  const Clock& clock() const {
    if (simulated()) return sim_clock_;
    return system_clock_;
  }

  // What `poller` does in `step` is repeated until `done`. In a simulation time jumps to the next thing that happens,
  // which is not later than `wake`.
  bool Until(
      const std::function<bool()>& done, const std::function<void(Duration)>& step,
      const std::function<MonotonicTime()>& wake = [] { return kNever; }) {
    const MonotonicTime end = clock().Monotonic() + kPatience;
    while (!done()) {
      if (clock().Monotonic() >= end) return false;
      if (simulated()) sim_clock_.AdvanceTo(std::min({network_->NextEventTime(), wake(), end}));
      step(simulated() ? Duration::zero() : std::chrono::milliseconds(20));
    }
    return true;
  }
  bool TurnUntil(Reactor& reactor, const std::function<bool()>& done) {
    return Until(
        done, [&](Duration sleep_max) { reactor.Turn(sleep_max); }, [&] { return reactor.NextDue(); });
  }
  // Goes on for `time`, whatever happens.
  void TurnFor(Reactor& reactor, Duration time) {
    const MonotonicTime end = clock().Monotonic() + time;
    Until([&] { return clock().Monotonic() >= end; }, [&](Duration sleep_max) { reactor.Turn(sleep_max); },
          [&] { return std::min(end, reactor.NextDue()); });
  }

 private:
  const SystemClock system_clock_;
  SimClock sim_clock_;
  const std::unique_ptr<SimNetwork> network_;
  const std::unique_ptr<Poller> poller_;
};

// The system, and twenty simulations of it.
inline auto AllWorlds() { return testing::Range<uint64_t>(World::kSystem, 21); }

inline std::string WorldName(const testing::TestParamInfo<uint64_t>& info) {
  return info.param == World::kSystem ? "system" : "seed" + std::to_string(info.param);
}

}  // namespace postern

#endif  // POSTERN_TESTS_NET_WORLD_H_
