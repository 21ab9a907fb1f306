// A scenario is one run of the simulated world: a seed makes a configuration, clients, next hops and a fate for them.
//
//   chaos    clients come and go, next hops and name servers misbehave, an operator meddles with the queue, the disk
//            fails or is full, the gateway is killed, drained or loses its power, and is started again, perhaps in
//            another transfer mode; after every death an audit
//   healing  the next hops are good, the disk is good, the gateway runs; everything goes on until nothing is left to do
//   the end  nobody holds anything of the gateway's; it drains; the power is cut, and a last audit finds every mail
//
// To run one seed, and to see each of its steps:
//
//   SIM_SEED=17 SIM_TRACE=1 bazel test --config=release --test_output=all //tests/sim:gateway_sim_short_test
//
// To add something that may happen: a case in Scenario::LetHappen() (scenario.cc), with its share of the weights. To
// add what a client, a next hop or the operator may do: sim_client.h, hop_talk.h, sim_operator.h. To add what must
// hold: post_book.h and report_book.h for what is known at once, audit.h for what the disk tells, CheckRest() for the
// gateway at rest.

#ifndef POSTERN_TESTS_SIM_SCENARIO_H_
#define POSTERN_TESTS_SIM_SCENARIO_H_

#include <cstdint>
#include <string>
#include <vector>

namespace postern {

struct ScenarioResult {
  std::vector<std::string> problems;
  uint64_t digest = 0;  // two runs of a seed have the same
  uint64_t step_count = 0;
  size_t message_count = 0;
  size_t acknowledged_count = 0;
  size_t delivered_count = 0;    // recipients of acknowledged messages that have their copy
  size_t failed_count = 0;       // those that will never have one
  size_t reported_count = 0;     // those of whom a report tells that they have failed, wait or have arrived
  size_t last_report_count = 0;  // reports that failed, and of which postmaster was told
  size_t wish_count = 0;         // the operator's, that have changed something
  size_t death_count = 0;
  size_t drain_count = 0;
  size_t poisoning_count = 0;
};

// On the calling thread, and without a look at the real clock. `trace` tells every step on standard error.
ScenarioResult RunScenario(uint64_t seed, bool trace);

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SCENARIO_H_
