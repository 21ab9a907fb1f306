// OverlappedCall is a call that Windows has under way, and the memory by which it tells that the call is done.
//
// The state of its socket owns it, on the thread of its poller. While it is pending it neither moves nor ends, whatever
// becomes of the socket: a closed socket's calls come home too, and only then may their memory go.

#ifndef POSTERN_NET_OVERLAPPED_IOCP_H_
#define POSTERN_NET_OVERLAPPED_IOCP_H_

#include <winsock2.h>

#include <cstdint>

#include "absl/log/check.h"
#include "net/op.h"
#include "net/socket_win.h"

namespace postern {

struct OverlappedCall {
  OVERLAPPED system{};  // first, for the completion port tells us its address
  bool pending = false;
  void* owner = nullptr;

  // The same call may be made again and again; an event that it has stays.
  OVERLAPPED* Begin() {
    system = {.Internal = 0, .InternalHigh = 0, .Pointer = nullptr, .hEvent = system.hEvent};
    pending = true;
    return &system;
  }

  static OverlappedCall& Of(OVERLAPPED* system) { return *reinterpret_cast<OverlappedCall*>(system); }
};

struct CallResult {
  int64_t value;  // bytes or a handle, or -1
  int code;       // Winsock's
};

// What became of a call that is done. Of a socket that we have closed Windows cannot be asked: there a call that has
// not succeeded was cancelled, by whichever of its numbers (995; wine also says 676).
inline CallResult ResultOf(OverlappedCall& call, Socket socket, bool closed) {
  if (call.system.Internal == 0) return {static_cast<int64_t>(call.system.InternalHigh), 0};
  if (closed) return {-1, WSA_OPERATION_ABORTED};
  DWORD size = 0;
  DWORD flags = 0;
  if (WSAGetOverlappedResult(SystemHandle(socket), &call.system, &size, FALSE, &flags)) return {size, 0};
  const int code = WSAGetLastError();
  // A datagram that was longer than its room is cut, as everywhere.
  if (code == WSAEMSGSIZE) return {static_cast<int64_t>(call.system.InternalHigh), 0};
  return {-1, code};
}

// A function that Winsock hands out by its number instead of by its name.
template <typename Function>
Function WinsockExtension(Socket socket, GUID id) {
  Function function = nullptr;
  DWORD size = 0;
  const int failed = WSAIoctl(SystemHandle(socket), SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function,
                              sizeof function, &size, nullptr, nullptr);
  CHECK_EQ(failed, 0) << "this Winsock has no AcceptEx or ConnectEx: code " << WSAGetLastError();
  return function;
}

}  // namespace postern

#endif  // POSTERN_NET_OVERLAPPED_IOCP_H_
