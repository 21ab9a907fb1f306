#include "net/socket_win.h"

#include <algorithm>
#include <cstring>

#include "absl/log/check.h"
#include "absl/log/log.h"
#include "absl/strings/str_cat.h"
#include "net/socket.h"

namespace postern {
namespace {

// Some mingw headers do not know them yet.
constexpr int kReuseUnicastPort = 0x3007;  // SO_REUSE_UNICASTPORT
// SOMAXCONN_HINT(): as a plain number no more than 200 would count.
constexpr int BacklogOf(int count) { return -std::clamp(count, 200, 65535); }

constexpr char kNoUnixSockets[] = "Postern has no UNIX sockets on Windows: use a port of 127.0.0.1";

int SystemFamily(AddressFamily family) { return family == AddressFamily::kIPv6 ? AF_INET6 : AF_INET; }

SocketResult Failure(std::string_view call, int code) {
  return {.socket = {},
          .error = ToNetError(code),
          .system_code = code,
          .what = absl::StrCat(call, ": ", SystemErrorText(code))};
}

// Of the last call, about a socket that is of no use now.
SocketResult Failure(std::string_view call, Socket socket = {}) {
  const int code = WSAGetLastError();
  if (socket.valid()) closesocket(SystemHandle(socket));
  return Failure(call, code);
}

SocketResult RefuseUnix() {
  return {.socket = {}, .error = NetError::kOther, .system_code = WSAEAFNOSUPPORT, .what = kNoUnixSockets};
}

class SystemSocketsImpl final : public Sockets {
 public:
  SystemSocketsImpl() { StartWinsock(); }

  SocketResult ListenOn(const SocketAddress& address, int backlog) override {
    SocketResult made = MakeStream(address);
    if (!made.socket.valid()) return made;
    const SOCKET handle = SystemHandle(made.socket);
    // Or any program that says SO_REUSEADDR could bind the same port and steal our connections.
    const DWORD yes = 1;
    if (setsockopt(handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, reinterpret_cast<const char*>(&yes), sizeof yes) != 0) {
      return Failure("setsockopt(SO_EXCLUSIVEADDRUSE)", made.socket);
    }
    if (address.family() == AddressFamily::kIPv6) SetFlag(made.socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    SystemAddress system = ToSystem(address);
    if (bind(handle, system.get(), system.size) != 0) {
      SocketResult refused = Failure("bind", made.socket);
      // No port takes a right on Windows: it is another's who shares it with nobody, or set apart by the system.
      if (refused.system_code == WSAEACCES) refused.error = NetError::kAddressInUse;
      return refused;
    }
    if (listen(handle, BacklogOf(backlog)) != 0) return Failure("listen", made.socket);
    return made;
  }

  SocketResult Duplicate(Socket listening) override {
    WSAPROTOCOL_INFOW info;
    if (WSADuplicateSocketW(SystemHandle(listening), GetCurrentProcessId(), &info) != 0) {
      return Failure("WSADuplicateSocket");
    }
    const SOCKET made = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0,
                                   WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (made == INVALID_SOCKET) return Failure("WSASocket(FROM_PROTOCOL_INFO)");
    return {.socket = {static_cast<intptr_t>(made)}};
  }

  SocketResult MakeFor(const SocketAddress& peer) override {
    SocketResult made = MakeStream(peer);
    // ConnectEx takes a bound socket, and with this the port is still chosen by the connect, which knows the peer.
    if (made.socket.valid()) SetFlag(made.socket, SOL_SOCKET, kReuseUnicastPort, 1);
    return made;
  }

  SocketResult MakeBoundFor(const SocketAddress& peer, const IpAddress& from) override {
    SocketResult made = MakeFor(peer);
    if (!made.socket.valid()) return made;
    SystemAddress system = ToSystem({.ip = from, .port = 0, .path = {}});
    if (bind(SystemHandle(made.socket), system.get(), system.size) != 0) return Failure("bind", made.socket);
    return made;
  }

  SocketResult MakeDatagramFor(const SocketAddress& peer) override {
    const Socket made = MakeSystemSocket(peer.family(), SOCK_DGRAM);
    if (!made.valid()) return Failure("WSASocket");
    return {.socket = made};
  }

  SocketAddress LocalAddress(Socket socket) override {
    SystemAddress system;
    if (getsockname(SystemHandle(socket), system.get(), &system.size) != 0) return {};
    return FromSystemAddress(*system.get());
  }

  void EndSend(Socket socket) override { shutdown(SystemHandle(socket), SD_SEND); }

  void CloseNow(Socket socket) override { closesocket(SystemHandle(socket)); }

 private:
  static SocketResult MakeStream(const SocketAddress& address) {
    if (address.family() == AddressFamily::kUnix) return RefuseUnix();
    const Socket made = MakeSystemSocket(address.family(), SOCK_STREAM);
    if (!made.valid()) return Failure("WSASocket");
    SetFlag(made, IPPROTO_TCP, TCP_NODELAY, 1);
    return {.socket = made};
  }
};

}  // namespace

Sockets& SystemSockets() {
  static SystemSocketsImpl sockets;
  return sockets;
}

bool SystemHasUnixSockets() { return false; }

void StartWinsock() {
  static const int code = [] {
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data);
  }();
  CHECK_EQ(code, 0) << "WSAStartup: " << SystemErrorText(code);
}

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
    case AddressFamily::kUnix: LOG(FATAL) << kNoUnixSockets;
    case AddressFamily::kNone: LOG(FATAL) << "an address of no family";
  }
  return system;
}

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
  }
  return address;
}

Socket MakeSystemSocket(AddressFamily family, int type) {
  const SOCKET made =
      WSASocketW(SystemFamily(family), type, 0, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  return {static_cast<intptr_t>(made)};  // INVALID_SOCKET is our -1
}

bool IsDatagramSocket(Socket socket) {
  int type = 0;
  int size = sizeof type;
  CHECK_EQ(getsockopt(SystemHandle(socket), SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &size), 0)
      << SystemErrorText(WSAGetLastError());
  return type == SOCK_DGRAM;
}

void SetAbortOnClose(Socket socket) {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  setsockopt(SystemHandle(socket), SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&abort), sizeof abort);
}

void SetFlag(Socket socket, int level, int name, DWORD value) {
  setsockopt(SystemHandle(socket), level, name, reinterpret_cast<const char*>(&value), sizeof value);
}

NetError ToNetError(int system_code) {
  switch (system_code) {
    case 0: return NetError::kNone;
    case WSA_OPERATION_ABORTED: return NetError::kCancelled;
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case WSAENETRESET:
    case WSAESHUTDOWN:
    case WSAEDISCON:
    case ERROR_NETNAME_DELETED: return NetError::kReset;
    case WSAECONNREFUSED:
    case ERROR_CONNECTION_REFUSED: return NetError::kRefused;
    case WSAETIMEDOUT:
    case ERROR_SEM_TIMEOUT: return NetError::kTimedOut;
    case WSAEHOSTUNREACH:
    case WSAENETUNREACH:
    case WSAEADDRNOTAVAIL:
    case WSAEHOSTDOWN: return NetError::kUnreachable;
    case WSAEMFILE:
    case WSAENOBUFS:
    case WSA_NOT_ENOUGH_MEMORY: return NetError::kNoDescriptors;
    case WSAEADDRINUSE: return NetError::kAddressInUse;
    case WSAEACCES: return NetError::kNoPermission;
    default: return NetError::kOther;
  }
}

std::string SystemErrorText(int system_code) {
  wchar_t wide[512];
  const DWORD wide_count =
      FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
                     nullptr, static_cast<DWORD>(system_code), 0, wide, std::size(wide), nullptr);
  char text[3 * std::size(wide)];
  const int size =
      WideCharToMultiByte(CP_UTF8, 0, wide, static_cast<int>(wide_count), text, sizeof text, nullptr, nullptr);
  std::string_view trimmed(text, static_cast<size_t>(std::max(size, 0)));
  // It is a sentence, with its full stop and a blank; ours goes on.
  while (!trimmed.empty() && (trimmed.back() == ' ' || trimmed.back() == '.')) trimmed.remove_suffix(1);
  return trimmed.empty() ? absl::StrCat("error ", system_code) : std::string(trimmed);
}

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
