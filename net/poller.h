// Poller starts ops and tells which are done: the seam to the operating system.
//
// One reactor owns it; all but Wake() is called on that reactor's thread. The seam is completion-shaped, as IOCP is;
// epoll and the simulator imitate that, and tests/net/*_conformance_test.cc hold all of them to the same behaviour.

#ifndef POSTERN_NET_POLLER_H_
#define POSTERN_NET_POLLER_H_

#include <memory>
#include <vector>

#include "core/clock.h"
#include "net/op.h"
#include "net/socket.h"

namespace postern {

class Poller {
 public:
  virtual ~Poller() = default;

  // Takes `op` until it is done. At most one op of {accept, await-readable, recv} and one of {connect, send} of a
  // socket may be under way; a close may join them and is the last op of its socket.
  virtual void Start(Op& op) = 0;

  // Makes `op` come home soon, as cancelled unless its result was there already. It still comes home through Wait().
  virtual void Cancel(Op& op) = 0;

  // Sleeps until something is done, Wake() is called or `timeout_max` has passed; appends what is done to `done`, in
  // order.
  virtual void Wait(Duration timeout_max, std::vector<Op*>& done) = 0;

  // The sockets that ops may be about.
  virtual Sockets& sockets() = 0;

  // Ends a Wait(), or makes the next one return at once. Any thread.
  virtual void Wake() = 0;
};

// The system's own poller. Aborts the program when the system has none to give: nothing can run without it.
std::unique_ptr<Poller> MakeSystemPoller();

}  // namespace postern

#endif  // POSTERN_NET_POLLER_H_
