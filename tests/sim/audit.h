// Audit compares what was promised with what lies on a simulated disk, while no gateway runs.
//
// A scenario calls it after every death and at the end, on the simulation's one thread. It reads the queue as `postern
// queue list` does, and every mailbox.

#ifndef POSTERN_TESTS_SIM_AUDIT_H_
#define POSTERN_TESTS_SIM_AUDIT_H_

#include "tests/sim/post_book.h"
#include "tests/sim/sim_world.h"

namespace postern {

// Every accepted recipient of every acknowledged message has his copy, or the queue still knows of him; what is settled
// is written down as such. With `at_rest` nobody may be waiting any more.
void Audit(SimWorld& world, PostBook& book, bool at_rest);

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_AUDIT_H_
