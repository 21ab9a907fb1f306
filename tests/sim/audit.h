// Audit compares what was promised with what lies on a simulated disk, while no gateway runs.
//
// A scenario calls it after every death and at the end, on the simulation's one thread. It reads the queue as `postern
// queue list` and `export` do, every mailbox, and the dead letters.

#ifndef POSTERN_TESTS_SIM_AUDIT_H_
#define POSTERN_TESTS_SIM_AUDIT_H_

#include "tests/sim/post_book.h"
#include "tests/sim/sim_world.h"

namespace postern {

// Every accepted recipient of every acknowledged message is exactly one of delivered, bounced, deleted and waiting, and
// for each the proof is there: a copy, a report or dead letter (unless nobody is to be told), the operator's wish, or
// a place in the queue. What is settled is written down as such. Whoever could be delivered to from `healed_at` on must
// not have expired.
void Audit(SimWorld& world, PostBook& book, WallTime healed_at);
// The same when nothing is left to do: nobody waits any more but those on hold, and all reports have arrived.
void AuditAtRest(SimWorld& world, PostBook& book, WallTime healed_at);

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_AUDIT_H_
