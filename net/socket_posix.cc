#include "net/socket_posix.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/log/check.h"
#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "net/socket.h"

namespace postern {
namespace {

struct SystemAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SystemAddress ToSystem(const SocketAddress& address) {
  SystemAddress system;
  switch (address.family()) {
    case AddressFamily::kIPv4: {
      auto* in = reinterpret_cast<sockaddr_in*>(&system.storage);
      in->sin_family = AF_INET;
      in->sin_port = htons(address.port);
      std::memcpy(&in->sin_addr, address.ip.bytes.data(), 4);
      system.size = sizeof *in;
      break;
    }
    case AddressFamily::kIPv6: {
      auto* in6 = reinterpret_cast<sockaddr_in6*>(&system.storage);
      in6->sin6_family = AF_INET6;
      in6->sin6_port = htons(address.port);
      std::memcpy(&in6->sin6_addr, address.ip.bytes.data(), 16);
      system.size = sizeof *in6;
      break;
    }
    case AddressFamily::kUnix: {
      auto* un = reinterpret_cast<sockaddr_un*>(&system.storage);
      un->sun_family = AF_UNIX;
      CHECK_LT(address.path.size(), sizeof un->sun_path);
      std::memcpy(un->sun_path, address.path.c_str(), address.path.size() + 1);
      system.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path.size() + 1);
      break;
    }
    case AddressFamily::kNone: LOG(FATAL) << "an address of no family";
  }
  return system;
}

int SystemFamily(AddressFamily family) {
  return family == AddressFamily::kUnix ? AF_UNIX : family == AddressFamily::kIPv6 ? AF_INET6 : AF_INET;
}

SocketResult Failure(std::string_view call, Socket socket) {
  const int code = errno;
  if (socket.valid()) ::close(static_cast<int>(socket.handle));
  return {.socket = {},
          .error = ToNetError(code),
          .system_code = code,
          .what = absl::StrCat(call, ": ", SystemErrorText(code))};
}

void SetFlag(Socket socket, int level, int name, int value) {
  // Each of these is a wish; a kernel that refuses one still serves.
  setsockopt(static_cast<int>(socket.handle), level, name, &value, sizeof value);
}

// A UNIX socket outlives the process that made it. Nobody answers on a dead one, so it may be replaced.
bool RemoveDeadUnixSocket(const SocketAddress& address) {
  struct stat info;
  if (lstat(address.path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const bool dead = !ConnectSocket({probe}, address) && errno == ECONNREFUSED;
  ::close(probe);
  return dead && unlink(address.path.c_str()) == 0;
}

int BindUnix(int fd, SystemAddress& system, const SocketAddress& address) {
  const mode_t before = umask(0177);
  int result = bind(fd, system.get(), system.size);
  if (result != 0 && errno == EADDRINUSE && RemoveDeadUnixSocket(address)) {
    result = bind(fd, system.get(), system.size);
  }
  const int code = result == 0 ? 0 : errno;
  umask(before);
  errno = code;
  return result;
}

class SystemSocketsImpl final : public Sockets {
 public:
  SocketResult ListenOn(const SocketAddress& address, int backlog) override {
    SocketResult made = MakeFor(address);
    if (!made.socket.valid()) return made;
    const int fd = static_cast<int>(made.socket.handle);
    SystemAddress system = ToSystem(address);
    if (address.family() == AddressFamily::kUnix) {
      if (BindUnix(fd, system, address) != 0) return Failure("bind", made.socket);
    } else {
      // On Linux this lets us bind although old connections of the port linger; it does not let two listen on it.
      SetFlag(made.socket, SOL_SOCKET, SO_REUSEADDR, 1);
      if (address.family() == AddressFamily::kIPv6) SetFlag(made.socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
      if (bind(fd, system.get(), system.size) != 0) return Failure("bind", made.socket);
    }
    if (listen(fd, backlog) != 0) return Failure("listen", made.socket);
    return made;
  }

  SocketResult Duplicate(Socket listening) override {
    const Socket made{fcntl(static_cast<int>(listening.handle), F_DUPFD_CLOEXEC, 0)};
    if (!made.valid()) return Failure("fcntl(F_DUPFD_CLOEXEC)", made);
    return {.socket = made};
  }

  SocketResult MakeFor(const SocketAddress& peer) override {
    if (peer.path.size() >= sizeof sockaddr_un{}.sun_path) {
      errno = ENAMETOOLONG;
      return Failure("socket", {});
    }
    const Socket made{socket(SystemFamily(peer.family()), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!made.valid()) return Failure("socket", made);
    // What a listening socket accepts inherits it.
    if (peer.family() != AddressFamily::kUnix) SetFlag(made, IPPROTO_TCP, TCP_NODELAY, 1);
    return {.socket = made};
  }

  SocketResult MakeBoundFor(const SocketAddress& peer, const IpAddress& from) override {
    SocketResult made = MakeFor(peer);
    if (!made.socket.valid()) return made;
    // The port is chosen by the connect, which knows the peer: so one that another peer's connection has will do.
    SetFlag(made.socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    SystemAddress system = ToSystem({.ip = from, .port = 0, .path = {}});
    if (bind(static_cast<int>(made.socket.handle), system.get(), system.size) != 0) return Failure("bind", made.socket);
    return made;
  }

  SocketResult MakeDatagramFor(const SocketAddress& peer) override {
    const Socket made{socket(SystemFamily(peer.family()), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!made.valid()) return Failure("socket", made);
    return {.socket = made};
  }

  SocketAddress LocalAddress(Socket socket) override {
    SystemAddress system;
    if (getsockname(static_cast<int>(socket.handle), system.get(), &system.size) != 0) return {};
    return FromSystemAddress(*system.get());
  }

  void EndSend(Socket socket) override { shutdown(static_cast<int>(socket.handle), SHUT_WR); }

  void CloseNow(Socket socket) override { ::close(static_cast<int>(socket.handle)); }
};

}  // namespace

Sockets& SystemSockets() {
  static SystemSocketsImpl sockets;
  return sockets;
}

bool SystemHasUnixSockets() { return true; }

SocketAddress FromSystemAddress(const sockaddr& system) {
  SocketAddress address;
  if (system.sa_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(system);
    address.ip.family = AddressFamily::kIPv4;
    std::memcpy(address.ip.bytes.data(), &in.sin_addr, 4);
    address.port = ntohs(in.sin_port);
  } else if (system.sa_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(system);
    address.ip.family = AddressFamily::kIPv6;
    std::memcpy(address.ip.bytes.data(), &in6.sin6_addr, 16);
    address.port = ntohs(in6.sin6_port);
  } else if (system.sa_family == AF_UNIX) {
    address.path = reinterpret_cast<const sockaddr_un&>(system).sun_path;  // empty for a socket without a name
  }
  return address;
}

void SetAbortOnClose(Socket socket) {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  setsockopt(static_cast<int>(socket.handle), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

int ConnectOutcome(Socket socket) {
  int error = 0;
  socklen_t size = sizeof error;
  PCHECK(getsockopt(static_cast<int>(socket.handle), SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  return error;
}

bool IsDatagramSocket(Socket socket) {
  int type = 0;
  socklen_t size = sizeof type;
  PCHECK(getsockopt(static_cast<int>(socket.handle), SOL_SOCKET, SO_TYPE, &type, &size) == 0);
  return type == SOCK_DGRAM;
}

Socket AcceptSocket(Socket listener, SocketAddress& peer) {
  SystemAddress system;
  const int fd = accept4(static_cast<int>(listener.handle), system.get(), &system.size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return {};
  peer = FromSystemAddress(*system.get());
  return {fd};
}

bool ConnectSocket(Socket socket, const SocketAddress& peer) {
  SystemAddress system = ToSystem(peer);
  return connect(static_cast<int>(socket.handle), system.get(), system.size) == 0;
}

NetError ToNetError(int system_code) {
  switch (system_code) {
    case 0: return NetError::kNone;
    case ECANCELED: return NetError::kCancelled;
    case ECONNRESET:
    case EPIPE: return NetError::kReset;
    case ECONNREFUSED:
    case ENOENT:  // of a UNIX socket
      return NetError::kRefused;
    case ETIMEDOUT: return NetError::kTimedOut;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL: return NetError::kUnreachable;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return NetError::kNoDescriptors;
    case EADDRINUSE: return NetError::kAddressInUse;
    case EACCES:
    case EPERM: return NetError::kNoPermission;
    default: return NetError::kOther;
  }
}

std::string SystemErrorText(int system_code) { return std::strerror(system_code); }

std::optional<IpAddress> ParseIpText(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(text.begin(), text.end(), buffer);
  buffer[text.size()] = '\0';
  IpAddress ip;
  if (inet_pton(AF_INET, buffer, ip.bytes.data()) == 1) {
    ip.family = AddressFamily::kIPv4;
  } else if (inet_pton(AF_INET6, buffer, ip.bytes.data()) == 1) {
    ip.family = AddressFamily::kIPv6;
  } else {
    return std::nullopt;
  }
  return ip;
}

std::string FormatIpText(const IpAddress& ip) {
  char buffer[INET6_ADDRSTRLEN] = "none";
  if (ip.family != AddressFamily::kNone) {
    inet_ntop(SystemFamily(ip.family), ip.bytes.data(), buffer, sizeof buffer);
  }
  return buffer;
}

}  // namespace postern
