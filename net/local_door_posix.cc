#include <sys/stat.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "net/local_door.h"
#include "net/socket.h"

namespace postern {

absl::StatusOr<LocalDoor> OpenLocalDoor(const std::string& path, int backlog) {
  const SocketResult made = SystemSockets().ListenOn(SocketAddress::Unix(path), backlog);
  if (!made.socket.valid()) return absl::InternalError(absl::StrCat(path, ": ", made.what));
  return LocalDoor{.listening = made.socket};
}

// Whether somebody answers, and whether we may ask him, the connection will tell.
absl::StatusOr<WayIn> FindLocalDoor(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return absl::NotFoundError(absl::StrCat(path, ": there is no such socket; no gateway runs"));
  }
  return WayIn{.address = SocketAddress::Unix(path)};
}

}  // namespace postern
