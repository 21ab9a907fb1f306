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
// is written down as such. Whoever could be delivered to from `healed_at` on must not have expired.
void Audit(SimWorld& world, PostBook& book, WallTime healed_at);
// The same when nothing is left to do: nobody waits any more.
void AuditAtRest(SimWorld& world, PostBook& book, WallTime healed_at);

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_AUDIT_H_
