// SimNextHop is an SMTP or LMTP server that the simulated gateway relays to, as good or as bad as the seed makes it.
//
// A scenario owns it and adds it to the world; everything is on one thread. While it is wild it refuses, hangs, drops
// connections, floods, dawdles and lies at every stage; healed, it takes everything. What a connection says and hears
// is a HopTalk's (hop_talk.h).

#ifndef POSTERN_TESTS_SIM_SIM_NEXT_HOP_H_
#define POSTERN_TESTS_SIM_SIM_NEXT_HOP_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "tests/sim/hop_talk.h"
#include "tests/sim/post_book.h"
#include "tests/sim/sim_actor.h"
#include "tests/sim/sim_setup.h"
#include "tests/sim/sim_world.h"

namespace postern {

class SimNextHop final : public SimActor, public HopTalkHost {
 public:
  // `wildness`: how bad it is until it is healed, 0 to 1.
  SimNextHop(SimWorld& world, PostBook& book, const SimHopPlace& place, double wildness);
  ~SimNextHop() override;

  std::string_view name() const override { return name_; }
  MonotonicTime NextDue() override;
  void Step() override;

  void Open();   // listens, unless it does
  void Close();  // nobody is there; who talks may go on
  bool open() const { return listening_.valid(); }
  // From here on it is good.
  void Heal();
  size_t talk_count() const { return talks_.size(); }

 private:
  bool Wild(double probability) override { return world_.Chance(probability * wildness_); }

  SimWorld& world_;
  PostBook& book_;
  const std::string name_;
  const SocketAddress address_;
  const bool lmtp_;
  double wildness_;
  Socket listening_;
  MonotonicTime accept_at_;
  std::vector<std::unique_ptr<HopTalk>> talks_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_NEXT_HOP_H_
