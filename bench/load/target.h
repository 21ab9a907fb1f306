// Target finds out whom the load is for, and who answers there, before any of it begins.
//
// Plain functions for main, on its thread: they block.

#ifndef POSTERN_BENCH_LOAD_TARGET_H_
#define POSTERN_BENCH_LOAD_TARGET_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/clock.h"
#include "net/address.h"

namespace postern {

// The address of "HOST:PORT" or of any form of an address; of a name the first that the system knows.
absl::StatusOr<SocketAddress> FindTarget(const std::string& target);

// The first line that the server says to a new connection: "220 mx.example.org ESMTP". Unavailable, with the reason,
// when none comes in time.
absl::StatusOr<std::string> ReadServerGreeting(const SocketAddress& address, Duration timeout);

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_TARGET_H_
