// A way for the rest of the Windows half to bring a Signal about: a service's control does what a console's keys do.
//
// Plain functions, usable on any thread.

#ifndef POSTERN_NET_HOST_WIN_H_
#define POSTERN_NET_HOST_WIN_H_

#include "net/host.h"

namespace postern {

// The next WaitForSignal() returns it.
void RaiseSignal(Signal signal);

}  // namespace postern

#endif  // POSTERN_NET_HOST_WIN_H_
