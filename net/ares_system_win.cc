#include <winsock2.h>

#include <cstddef>

#include "net/ares_system.h"

// Windows has none. This is what c-ares makes do with, in a header that it keeps to itself (ares_writev.h).
struct iovec {
  void* iov_base;
  size_t iov_len;
};

namespace postern {

int64_t FailWith(AresError error) {
  switch (error) {
    case AresError::kWouldBlock: WSASetLastError(WSAEWOULDBLOCK); break;
    case AresError::kInProgress: WSASetLastError(WSAEINPROGRESS); break;
    case AresError::kRefused: WSASetLastError(WSAECONNREFUSED); break;
    case AresError::kReset: WSASetLastError(WSAECONNRESET); break;
  }
  return -1;
}

std::string Join(const iovec* pieces, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return bytes;
}

}  // namespace postern
