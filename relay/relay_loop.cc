#include "relay/relay_loop.h"

#include <algorithm>
#include <chrono>

namespace postern {

RelayLoop::RelayLoop(Reactor& reactor, const Clock& clock, LogMailStore& store, SmtpCourier& courier, Relay& relay)
    : reactor_(reactor), clock_(clock), store_(store), courier_(courier), relay_(relay) {
  timer_.fire = [](Timer&) {};
  reactor_.AddHook(*this);
}

RelayLoop::~RelayLoop() {
  reactor_.timers().Disarm(timer_);
  reactor_.RemoveHook(*this);
}

void RelayLoop::RunTurn() {
  more_ = relay_.Turn();
  MonotonicTime next = courier_.Turn();
  store_.Maintain(clock_.Monotonic());
  if (const std::optional<WallTime> due = relay_.next_turn()) {
    // Not longer than a minute: the wall clock may be set meanwhile.
    const std::chrono::microseconds wait(std::clamp<int64_t>(due->us - clock_.Wall().us, 1000, 60'000'000));
    next = std::min(next, clock_.Monotonic() + wait);
  }
  if (next == kNever) {
    reactor_.timers().Disarm(timer_);
  } else {
    reactor_.timers().Arm(timer_, next);
  }
}

bool RelayLoop::HasWork() const { return more_ || relay_.HasWork() || courier_.HasWork() || store_.HasWork(); }

}  // namespace postern
