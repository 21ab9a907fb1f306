// SimPoller is a Poller in a SimNetwork: results come late and in any order that the seam allows.
//
// Whoever assembles a simulated reactor owns it, on the simulation's one thread. Wait() never sleeps: it returns what
// is there at the clock's time, and whoever moves the clock on asks SimNetwork::NextEventTime() how far.

#ifndef POSTERN_TESTS_SIM_SIM_POLLER_H_
#define POSTERN_TESTS_SIM_SIM_POLLER_H_

#include <memory>
#include <vector>

#include "net/poller.h"
#include "tests/sim/sim_network.h"

namespace postern {

class SimPoller final : public Poller {
 public:
  explicit SimPoller(SimNetwork& network);
  ~SimPoller() override;

  void Start(Op& op) override;
  void Cancel(Op& op) override;
  void Wait(Duration timeout_max, std::vector<Op*>& done) override;
  Sockets& sockets() override { return network_; }
  void Wake() override { woken_ = true; }

  // When Wait() has something to tell: a time that is past when it has already; kNever when nothing is known.
  MonotonicTime NextDue() const;

 private:
  friend class SimNetwork;

  // An op that is away. Its socket is told by what it is, for the handle may be another's by now.
  struct Away {
    Op* op;
    std::shared_ptr<SimSocket> socket;
    MonotonicTime due = kNever;  // kNever: it has no result yet
  };

  void TryWaiting();

  SimNetwork& network_;
  std::vector<Away> away_;
  bool woken_ = false;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_POLLER_H_
