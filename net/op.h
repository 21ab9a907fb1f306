// Op is one thing asked of the operating system: accept, connect, wait for input, receive, send, or the end.
//
// Its starter owns it, on the thread of its poller. From Start() until its `done` is called it belongs to the poller,
// and neither it nor the memory it names may move. The result never arrives inside the call that started it.

#ifndef POSTERN_NET_OP_H_
#define POSTERN_NET_OP_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace postern {

struct SocketAddress;

struct Socket {
  intptr_t handle = -1;  // what the system calls it
  bool valid() const { return handle != -1; }
  friend bool operator==(const Socket&, const Socket&) = default;
};

enum class OpKind : uint8_t {
  kAccept,         // result: the handle of the new socket; who has connected is in `accept_from`
  kConnect,        // in: `connect_to`, which is of no use any more when Start() returns
  kAwaitReadable,  // input, the peer's end or an error can be had; takes nothing, pins no memory
  // In: recv_bytes(); result: how many came, 0 at the peer's end (of a datagram: it is empty). After an await-readable
  // came home the bytes are there when Start() returns, and only the result comes later.
  kRecv,
  kSend,   // in: send_bytes(); result: how many went, perhaps fewer
  kClose,  // in: `reset`, to break the connection instead of ending it; all others of this socket come home first, as
           // cancelled
};

enum class NetError : uint8_t {
  kNone,
  kCancelled,
  kReset,
  kRefused,
  kTimedOut,
  kUnreachable,
  kNoDescriptors,  // the process or the machine has no more
  kAddressInUse,
  kNoPermission,
  kOther,
};

struct Op {
  OpKind kind = OpKind::kRecv;
  bool reset = false;
  NetError error = NetError::kNone;
  int system_code = 0;  // the system's number for the error, for people
  Socket socket;
  union {  // what it is about: of each kind one, or nothing
    SocketAddress* accept_from = nullptr;
    const SocketAddress* connect_to;
    char* recv_data;
    const char* send_data;
  };
  size_t size = 0;  // bytes at recv_data or send_data

  int64_t result = 0;  // bytes or a handle, or -1 with `error`

  void (*done)(Op&) = nullptr;
  void* owner = nullptr;

  std::span<char> recv_bytes() const { return {recv_data, size}; }
  void set_recv_bytes(std::span<char> bytes) {
    recv_data = bytes.data();
    size = bytes.size();
  }
  std::string_view send_bytes() const { return {send_data, size}; }
  void set_send_bytes(std::string_view bytes) {
    send_data = bytes.data();
    size = bytes.size();
  }
  Socket accepted() const { return {static_cast<intptr_t>(result)}; }
};
static_assert(sizeof(void*) != 8 || sizeof(Op) <= 56, "every connection has three");

}  // namespace postern

#endif  // POSTERN_NET_OP_H_
