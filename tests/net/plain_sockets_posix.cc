#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "absl/log/check.h"
#include "net/socket.h"
#include "tests/net/plain_sockets.h"

namespace postern {
namespace {

int Descriptor(Socket socket) { return static_cast<int>(socket.handle); }

sockaddr_in ToSystem(const SocketAddress& address) {
  CHECK(address.family() == AddressFamily::kIPv4);
  sockaddr_in system{};
  system.sin_family = AF_INET;
  system.sin_port = htons(address.port);
  std::memcpy(&system.sin_addr, address.ip.bytes.data(), sizeof system.sin_addr);
  return system;
}

bool Bind(Socket socket, const SocketAddress& address) {
  if (address.family() != AddressFamily::kUnix) {
    const sockaddr_in system = ToSystem(address);
    return bind(Descriptor(socket), reinterpret_cast<const sockaddr*>(&system), sizeof system) == 0;
  }
  sockaddr_un system{};
  system.sun_family = AF_UNIX;
  CHECK_LT(address.path.size(), sizeof system.sun_path);
  address.path.copy(system.sun_path, address.path.size());
  return bind(Descriptor(socket), reinterpret_cast<const sockaddr*>(&system), sizeof system) == 0;
}

}  // namespace

Socket OpenPlain(PlainKind kind, const SocketAddress& address) {
  const int type = kind == PlainKind::kStream ? SOCK_STREAM : SOCK_DGRAM;
  const Socket made{socket(address.path.empty() ? AF_INET : AF_UNIX, type | SOCK_CLOEXEC, 0)};
  PCHECK(made.valid());
  const int on = 1;
  if (kind == PlainKind::kStream) setsockopt(Descriptor(made), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!Bind(made, address)) {
    ClosePlain(made);
    return {};
  }
  if (kind == PlainKind::kStream) PCHECK(listen(Descriptor(made), 16) == 0);
  return made;
}

SocketAddress PlainAddress(Socket socket) { return SystemSockets().LocalAddress(socket); }

PlainReadiness AwaitPlain(Socket first, Socket second, int milliseconds) {
  pollfd waiting[] = {{.fd = Descriptor(first), .events = POLLIN, .revents = 0},
                      {.fd = Descriptor(second), .events = POLLIN, .revents = 0}};  // none, when it is negative
  if (poll(waiting, 2, milliseconds) <= 0) return {};
  return {.first = waiting[0].revents != 0, .second = waiting[1].revents != 0};
}

Socket AcceptPlain(Socket listening) {
  const Socket accepted{accept4(Descriptor(listening), nullptr, nullptr, SOCK_CLOEXEC)};
  const int on = 1;
  if (accepted.valid()) setsockopt(Descriptor(accepted), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return accepted;
}

std::string RecvPlain(Socket socket, size_t size_max) {
  std::string bytes(size_max, '\0');
  const ssize_t size = recv(Descriptor(socket), bytes.data(), bytes.size(), 0);
  bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return bytes;
}

void SendPlain(Socket socket, std::string_view bytes) {
  send(Descriptor(socket), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::string RecvPlainFrom(Socket socket, size_t size_max, SocketAddress& peer) {
  std::string bytes(size_max, '\0');
  sockaddr_in system{};
  socklen_t system_size = sizeof system;
  const ssize_t size =
      recvfrom(Descriptor(socket), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&system), &system_size);
  if (size > 0) peer = FromSystemAddress(reinterpret_cast<const sockaddr&>(system));
  bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return bytes;
}

void SendPlainTo(Socket socket, std::string_view bytes, const SocketAddress& peer) {
  const sockaddr_in system = ToSystem(peer);
  sendto(Descriptor(socket), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&system), sizeof system);
}

void ClosePlain(Socket socket) { close(Descriptor(socket)); }

}  // namespace postern
