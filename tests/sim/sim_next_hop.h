// SimNextHop is an SMTP server that the simulated gateway relays to, as good or as bad as the seed makes it.
//
// A scenario owns it and adds it to the world; everything is on one thread. While it is wild it refuses, hangs, drops
// connections, answers too late and lies; healed, it takes everything. It writes down what it has answered 250 to.
//
// To add a misdeed: ask Wild(PROBABILITY) at the place where it happens.

#ifndef POSTERN_TESTS_SIM_SIM_NEXT_HOP_H_
#define POSTERN_TESTS_SIM_SIM_NEXT_HOP_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "tests/sim/post_book.h"
#include "tests/sim/sim_actor.h"
#include "tests/sim/sim_world.h"

namespace postern {

class SimNextHop final : public SimActor {
 public:
  // `wildness`: how bad it is until it is healed, 0 to 1.
  SimNextHop(SimWorld& world, PostBook& book, std::string name, const SocketAddress& address, double wildness);
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
  class Talk;

  bool Wild(double probability) { return world_.Chance(probability * wildness_); }

  SimWorld& world_;
  PostBook& book_;
  const std::string name_;
  const SocketAddress address_;
  double wildness_;
  Socket listening_;
  MonotonicTime accept_at_;
  std::vector<std::unique_ptr<Talk>> talks_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_NEXT_HOP_H_
