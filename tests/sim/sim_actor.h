// SimActor is whoever does something in the simulated world: a thread of the gateway, a client, a next hop, fate
// itself.
//
// The world is told of it and steps it (sim_world.h); everything is on one thread. An actor never waits: it says when
// it next has something to do, and does one thing of it when it is stepped.

#ifndef POSTERN_TESTS_SIM_SIM_ACTOR_H_
#define POSTERN_TESTS_SIM_SIM_ACTOR_H_

#include <string_view>

#include "core/clock.h"

namespace postern {

class SimActor {
 public:
  virtual ~SimActor() = default;
  virtual std::string_view name() const = 0;
  // When Step() has something to do: a time that is past for now, kNever when only others can give it work.
  virtual MonotonicTime NextDue() = 0;
  virtual void Step() = 0;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_ACTOR_H_
