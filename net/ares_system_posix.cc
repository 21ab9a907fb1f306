#include <sys/uio.h>

#include <cerrno>

#include "net/ares_system.h"

namespace postern {

int64_t FailWith(AresError error) {
  switch (error) {
    case AresError::kWouldBlock: errno = EWOULDBLOCK; break;
    case AresError::kInProgress: errno = EINPROGRESS; break;
    case AresError::kRefused: errno = ECONNREFUSED; break;
    case AresError::kReset: errno = ECONNRESET; break;
  }
  return -1;
}

std::string Join(const iovec* pieces, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return bytes;
}

}  // namespace postern
