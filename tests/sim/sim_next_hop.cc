#include "tests/sim/sim_next_hop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/log/check.h"

namespace postern {
namespace {

constexpr int kBacklog = 16;

}  // namespace

SimNextHop::SimNextHop(SimWorld& world, PostBook& book, const SimHopPlace& place, double wildness)
    : world_(world),
      book_(book),
      name_(place.name),
      address_(SimAddress(place.address)),
      lmtp_(place.lmtp),
      wildness_(wildness) {}

SimNextHop::~SimNextHop() { Close(); }

void SimNextHop::Open() {
  if (open()) return;
  const SocketResult result = world_.network().ListenOn(address_, kBacklog);
  CHECK(result.socket.valid()) << result.what;
  listening_ = result.socket;
  world_.AddSurvivor(listening_);
}

void SimNextHop::Close() {
  if (!open()) return;
  world_.RemoveSurvivor(listening_);
  world_.network().CloseNow(std::exchange(listening_, {}));
}

void SimNextHop::Heal() {
  wildness_ = 0;
  accept_at_ = {};
  Open();
}

MonotonicTime SimNextHop::NextDue() {
  MonotonicTime next = kNever;
  if (open() && world_.network().HasWaiting(listening_)) next = accept_at_;
  for (const auto& talk : talks_) next = std::min(next, talk->NextDue());
  return next;
}

void SimNextHop::Step() {
  if (open() && world_.now() >= accept_at_) {
    while (std::unique_ptr<SimPeer> peer = world_.network().TryAccept(listening_)) {
      talks_.push_back(std::make_unique<HopTalk>(*this, world_, book_, name_, lmtp_, std::move(peer)));
    }
    if (Wild(0.05)) accept_at_ = world_.now() + world_.Within(std::chrono::minutes(1));
  }
  std::erase_if(talks_, [](const auto& talk) { return talk->done(); });
  for (const auto& talk : talks_) {
    if (talk->NextDue() <= world_.now()) talk->Step();
  }
  std::erase_if(talks_, [](const auto& talk) { return talk->done(); });
}

}  // namespace postern
