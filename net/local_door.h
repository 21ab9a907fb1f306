// A local door is where programs of this machine talk with one that runs: a path leads to it, and who may go through.
//
// Plain functions and values, used on the main thread. On POSIX the path is a UNIX socket of mode 0600. On Windows it
// is a file that only the process's user and administrators can read, with a loopback port and a key in it; the system
// removes it when the process ends, however it does.

#ifndef POSTERN_NET_LOCAL_DOOR_H_
#define POSTERN_NET_LOCAL_DOOR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "net/address.h"
#include "net/op.h"

namespace postern {

struct LocalDoor {
  Socket listening;
  // What everybody who comes in must send as his first line; empty when the system has seen to it that he may.
  std::string key = {};
  std::shared_ptr<void> sign = {};  // while it lives, the path leads here
};

// Whoever opened an earlier door at `path` must be gone.
absl::StatusOr<LocalDoor> OpenLocalDoor(const std::string& path, int backlog);

struct WayIn {
  SocketAddress address;
  std::string key = {};
};

// NotFound: no door is there. PermissionDenied: it is not for us.
absl::StatusOr<WayIn> FindLocalDoor(const std::string& path);

}  // namespace postern

#endif  // POSTERN_NET_LOCAL_DOOR_H_
