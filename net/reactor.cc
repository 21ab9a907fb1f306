#include "net/reactor.h"

#include <algorithm>
#include <utility>

namespace postern {

void Reactor::Turn(Duration sleep_max) {
  now_ = clock_.Monotonic();
  timers_.FireDue(now_);
  RunPosted();
  for (size_t i = 0; i < hooks_.size(); ++i) hooks_[i]->RunTurn();

  if (lingers_) {
    sleep_max = std::min(sleep_max, linger_);
  } else {
    bell_.BeginSleep();
  }
  poller_.Wait(std::clamp(NextDue() - now_, Duration::zero(), sleep_max), done_);
  bell_.EndSleep();
  lingers_ = linger_ > Duration::zero() && HasWork();

  now_ = clock_.Monotonic();
  // Owners start further ops meanwhile; those come home in a later turn.
  for (size_t i = 0; i < done_.size(); ++i) done_[i]->done(*done_[i]);
  done_.clear();
}

MonotonicTime Reactor::NextDue() { return HasWork() ? now_ : timers_.NextDue(); }

void Reactor::Post(std::function<void()> work) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(work));
  }
  Wake();
}

void Reactor::Wake() {
  if (bell_.Ring()) poller_.Wake();
}

bool Reactor::HasWork() {
  for (const TurnHook* hook : hooks_) {
    if (hook->HasWork()) return true;
  }
  const std::lock_guard lock(posted_mutex_);
  return !posted_.empty();
}

void Reactor::RunPosted() {
  std::vector<std::function<void()>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (std::function<void()>& w : work) w();
}

}  // namespace postern
