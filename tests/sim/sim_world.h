// SimWorld is a machine that does not exist, with one gateway in it: a seed decides who goes on next and what takes
// long.
//
// A scenario (scenario.h) owns it, and outlives it with the actors that it has added; everything is on one thread. The
// gateway is the program's own, with all its parts: only the clock, the network, the DNS, the disk and the threads
// round its actors are replaced.
//
//   Step():  somebody who has something to do does one step of it; when nobody has, the clock moves on
//
// A step of one actor may contain steps of others: whoever changes something on the disk is held up there while the
// rest of the world goes on, as a thread in fsync() is.

#ifndef POSTERN_TESTS_SIM_SIM_WORLD_H_
#define POSTERN_TESTS_SIM_SIM_WORLD_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "gateway/config.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "tests/sim/sim_actor.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_dns.h"
#include "tests/sim/sim_network.h"

namespace postern {

struct SimWorldOptions {
  SimNetworkOptions network;
  SimDnsOptions dns;
  double stall = 0.01;      // how often a thread is not let run for a while after a step
  double disk_pause = 0.3;  // how often a change of the disk takes so long that others go on meanwhile
  bool trace = false;       // tells every step on standard error
};

class SimWorld {
 public:
  using Random = std::mt19937_64;

  // `config` is lent and outlives it.
  SimWorld(uint64_t seed, const Config& config, SimWorldOptions options);
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  SimClock& clock() { return clock_; }
  SimDisk& disk() { return disk_; }
  SimNetwork& network() { return network_; }
  SimDns& dns() { return dns_; }
  Random& random() { return random_; }
  const Config& config() const { return config_; }
  MonotonicTime now() const { return clock_.Monotonic(); }
  // Somebody sets the machine's clock, to and fro.
  void SetClock(Duration forward);
  // The latest that it has ever shown.
  WallTime latest_wall() const { return std::max(latest_wall_, clock_.Wall()); }
  // True in `probability` of all cases; a number below `limit`; a while of at most `max`.
  bool Chance(double probability);
  uint64_t Below(uint64_t limit);
  Duration Within(Duration max);

  // Actors beside the gateway's own. Not from inside a step.
  void Add(SimActor& actor);
  void Remove(SimActor& actor);
  // Has a say in every step, before anybody else; never while somebody is held up on the disk.
  void set_fate(SimActor* fate) { fate_ = fate; }
  // A socket that is not the gateway's, and so survives it.
  void AddSurvivor(Socket socket) { survivors_.push_back(socket); }
  void RemoveSurvivor(Socket socket) { std::erase(survivors_, socket); }

  // False when nobody will ever have anything to do again.
  bool Step();
  // Counts all that was done, nested steps included: the same seed gives the same numbers.
  uint64_t step_count() const { return step_count_; }
  // A number that hardly two different runs share.
  uint64_t digest() const { return digest_; }
  // Steps since the clock last moved: who never rests holds it up for ever.
  uint64_t steps_at_this_time() const { return step_count_ - step_count_at_move_; }

  // The life of the gateway. Start() opens it and listens where its configuration says, and for its operator.
  absl::Status Start();
  bool running() const { return gateway_ != nullptr; }
  Gateway& gateway() { return *gateway_; }
  uint32_t life() const { return life_; }  // which gateway it is, from 1 on
  bool poisoned() const;
  // Where the gateway notes what it works on; null while none runs.
  BlackBox* black_box() { return black_box_; }
  // The process dies where it stands. What it wrote is there.
  void Kill();
  // The machine dies: what was synced is there.
  void PowerCut();
  // One step towards the end, as Gateway::Drain(); true when the process has ended by itself, its log sealed.
  bool Drain();
  // Sockets that the last gateway that has drained had left open.
  size_t left_open_count() const { return left_open_count_; }

  DirectoryOpener directory_opener();
  EventLog& events() { return events_; }
  // Hears every line that the gateway writes.
  void set_event_sink(EventLog::Sink sink) { sink_ = std::move(sink); }

  void Trace(std::string_view who, std::string_view what);
  bool tracing() const { return options_.trace; }

 private:
  struct Entry {
    SimActor* actor;
    MonotonicTime stalled_until{};
    bool busy = false;  // it is in a step, held up on the disk
  };

  // One step of somebody who has something to do at this time; false when there is nobody.
  bool StepNow();
  void StepEntry(size_t index);
  MonotonicTime NextDue();
  void MoveTo(MonotonicTime time);
  void PauseOnDisk();
  void DropGateway(bool reset);
  void AddGatewayActors();

  const Config& config_;
  const SimWorldOptions options_;
  Random random_;
  SimClock clock_;
  SimNetwork network_;
  SimDns dns_;
  SimDisk disk_;
  EventLog::Sink sink_;
  EventLog events_;
  World outside_;
  std::vector<Socket> survivors_;
  BlackBox* black_box_ = nullptr;
  std::unique_ptr<Gateway> gateway_;
  std::vector<std::unique_ptr<SimActor>> threads_;
  std::vector<Entry> entries_;
  SimActor* fate_ = nullptr;
  MonotonicTime next_watch_;
  WallTime latest_wall_;
  uint32_t life_ = 0;
  size_t left_open_count_ = 0;
  int depth_ = 0;  // of steps in steps
  uint64_t step_count_ = 0;
  uint64_t step_count_at_move_ = 0;
  uint64_t digest_ = 0;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_WORLD_H_
