#include <winsock2.h>
#include <ws2tcpip.h>

#include <cstring>

#include "absl/log/check.h"
#include "net/socket.h"
#include "tests/net/plain_sockets.h"

namespace postern {
namespace {

SOCKET Handle(Socket socket) { return static_cast<SOCKET>(socket.handle); }

sockaddr_in ToSystem(const SocketAddress& address) {
  CHECK(address.family() == AddressFamily::kIPv4);
  sockaddr_in system{};
  system.sin_family = AF_INET;
  system.sin_port = htons(address.port);
  std::memcpy(&system.sin_addr, address.ip.bytes.data(), sizeof system.sin_addr);
  return system;
}

int SizeOf(std::string_view bytes) { return static_cast<int>(bytes.size()); }

}  // namespace

Socket OpenPlain(PlainKind kind, const SocketAddress& address) {
  SystemSockets();  // starts Winsock
  const Socket made{static_cast<intptr_t>(socket(AF_INET, kind == PlainKind::kStream ? SOCK_STREAM : SOCK_DGRAM, 0))};
  CHECK(made.valid()) << WSAGetLastError();
  const sockaddr_in system = ToSystem(address);
  if (bind(Handle(made), reinterpret_cast<const sockaddr*>(&system), sizeof system) != 0) {
    ClosePlain(made);
    return {};
  }
  if (kind == PlainKind::kStream) CHECK_EQ(listen(Handle(made), 16), 0) << WSAGetLastError();
  return made;
}

SocketAddress PlainAddress(Socket socket) { return SystemSockets().LocalAddress(socket); }

PlainReadiness AwaitPlain(Socket first, Socket second, int milliseconds) {
  WSAPOLLFD waiting[] = {{.fd = Handle(first), .events = POLLRDNORM, .revents = 0},
                         {.fd = Handle(second), .events = POLLRDNORM, .revents = 0}};
  if (WSAPoll(waiting, second.valid() ? 2 : 1, milliseconds) <= 0) return {};
  return {.first = waiting[0].revents != 0, .second = waiting[1].revents != 0};
}

Socket AcceptPlain(Socket listening) {
  const Socket accepted{static_cast<intptr_t>(accept(Handle(listening), nullptr, nullptr))};
  const DWORD on = 1;
  if (accepted.valid()) {
    setsockopt(Handle(accepted), IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<const char*>(&on), sizeof on);
  }
  return accepted;
}

std::string RecvPlain(Socket socket, size_t size_max) {
  std::string bytes(size_max, '\0');
  const int size = recv(Handle(socket), bytes.data(), SizeOf(bytes), 0);
  bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return bytes;
}

void SendPlain(Socket socket, std::string_view bytes) { send(Handle(socket), bytes.data(), SizeOf(bytes), 0); }

std::string RecvPlainFrom(Socket socket, size_t size_max, SocketAddress& peer) {
  std::string bytes(size_max, '\0');
  sockaddr_in system{};
  int system_size = sizeof system;
  const int size =
      recvfrom(Handle(socket), bytes.data(), SizeOf(bytes), 0, reinterpret_cast<sockaddr*>(&system), &system_size);
  if (size > 0) peer = FromSystemAddress(reinterpret_cast<const sockaddr&>(system));
  bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return bytes;
}

void SendPlainTo(Socket socket, std::string_view bytes, const SocketAddress& peer) {
  const sockaddr_in system = ToSystem(peer);
  sendto(Handle(socket), bytes.data(), SizeOf(bytes), 0, reinterpret_cast<const sockaddr*>(&system), sizeof system);
}

void ClosePlain(Socket socket) { closesocket(Handle(socket)); }

}  // namespace postern
