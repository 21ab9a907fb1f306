// Completions as Windows has them: an I/O completion port.
//
// A socket's calls are overlapped, and what is done comes home by the port, in batches. A call that succeeds at once
// has told its result already and makes no packet; it waits for the next Wait() with the others. An idle connection is
// awaited by a receive of no bytes, which pins no buffer.

#include <mswsock.h>
#include <winsock2.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/log/check.h"
#include "net/accept_queue_iocp.h"
#include "net/overlapped_iocp.h"
#include "net/poller.h"
#include "net/socket.h"
#include "net/socket_win.h"

namespace postern {
namespace {

constexpr ULONG kEntriesPerWait = 256;
// Completions that wait for their turn are handed over without asking the port first, but not for ever: new input of
// others must not starve.
constexpr int kWaitsWithoutPollMax = 3;
constexpr Duration kTimeoutMax = std::chrono::minutes(1);
constexpr size_t kSendSizeMax = size_t{1} << 30;  // Windows counts in 32 bits

constexpr ULONG_PTR kCut = 0x80000005;  // STATUS_BUFFER_OVERFLOW: no failure to those who queue packets
constexpr UCHAR kNoPacketOnSuccess = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE;

HANDLE FileHandle(Socket socket) { return reinterpret_cast<HANDLE>(socket.handle); }

class IocpPoller final : public Poller {
 public:
  IocpPoller() : port_(CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, /*NumberOfConcurrentThreads=*/1)) {
    CHECK(port_ != nullptr) << "no completion port to be had: code " << GetLastError();
    StartWinsock();
  }

  // What is under way writes to our memory until it has come home.
  ~IocpPoller() override {
    dying_ = true;
    for (auto& [handle, state] : states_) CancelCalls(*state);
    const auto pending = [](const auto& entry) { return entry.second->pending(); };
    while (std::any_of(states_.begin(), states_.end(), pending) || !closing_.empty()) Poll(kTimeoutMax);
    CloseHandle(port_);
  }

  void Start(Op& op) override {
    CHECK(op.socket.valid());
    op.result = 0;
    op.error = NetError::kNone;
    op.system_code = 0;
    if (op.kind == OpKind::kClose) return Close(op);
    SocketState& state = StateOf(op);
    const bool reads = op.kind != OpKind::kConnect && op.kind != OpKind::kSend;
    Op*& place = reads ? state.reader : state.writer;
    CHECK(place == nullptr) << (reads ? "two readers on one socket" : "two writers on one socket");
    place = &op;
    switch (op.kind) {
      case OpKind::kAccept: return Accept(state);
      case OpKind::kAwaitReadable:
      case OpKind::kRecv: return Receive(state);
      case OpKind::kConnect: return state.datagram ? ConnectDatagram(state) : Connect(state);
      default: return Send(state);
    }
  }

  void Cancel(Op& op) override {
    const auto found = states_.find(op.socket.handle);
    if (found == states_.end()) return;
    SocketState& state = *found->second;
    if (state.reader == &op && state.accepts != nullptr) {
      // The accepts of the queue stay under way, for the next who asks.
      Finish(state.reader, {-1, WSA_OPERATION_ABORTED});
    } else if (state.reader == &op) {
      CancelIoEx(FileHandle(op.socket), &state.read.system);
    } else if (state.writer == &op) {
      CancelIoEx(FileHandle(op.socket), &state.write.system);
    }
  }

  void Wait(Duration timeout_max, std::vector<Op*>& done) override {
    if (completed_.empty() || ++waits_without_poll_ > kWaitsWithoutPollMax) {
      waits_without_poll_ = 0;
      Poll(completed_.empty() ? std::min(timeout_max, kTimeoutMax) : Duration::zero());
    }
    done.insert(done.end(), completed_.begin(), completed_.end());
    completed_.clear();
  }

  Sockets& sockets() override { return SystemSockets(); }

  void Wake() override { PostQueuedCompletionStatus(port_, 0, 0, nullptr); }

 private:
  struct SocketState {
    explicit SocketState(Socket s) : socket(s) { read.owner = write.owner = this; }
    bool pending() const { return read.pending || write.pending || (accepts != nullptr && accepts->pending()); }

    const Socket socket;
    bool datagram = false;
    Op* reader = nullptr;
    Op* writer = nullptr;
    Op* close = nullptr;  // it comes home when nothing is pending
    OverlappedCall read;
    OverlappedCall write;
    std::unique_ptr<AcceptQueue> accepts;  // of a listening socket
  };

  SocketState& StateOf(const Op& op) {
    std::unique_ptr<SocketState>& state = states_[op.socket.handle];
    if (state != nullptr) return *state;
    state = std::make_unique<SocketState>(op.socket);
    const bool ours = CreateIoCompletionPort(FileHandle(op.socket), port_, 0, 0) != nullptr;
    if (op.kind == OpKind::kAccept) {
      state->accepts = std::make_unique<AcceptQueue>(port_, op.socket, /*shared=*/!ours, state.get());
      return *state;
    }
    CHECK(ours) << "socket " << op.socket.handle << " belongs to another poller: code " << GetLastError();
    state->datagram = op.kind == OpKind::kConnect && IsDatagramSocket(op.socket);
    // Of datagrams Windows does not keep what this promises.
    CHECK(state->datagram || SetFileCompletionNotificationModes(FileHandle(op.socket), kNoPacketOnSuccess))
        << "code " << GetLastError();
    return *state;
  }

  void Accept(SocketState& state) {
    state.accepts->Arm();
    ServeAccept(state);
  }

  void ServeAccept(SocketState& state) {
    if (state.reader == nullptr) return;
    const std::optional<CallResult> taken = state.accepts->TryTake(*state.reader->accept_from);
    if (taken.has_value()) Finish(state.reader, *taken);
  }

  void Receive(SocketState& state) {
    const Op& op = *state.reader;
    const std::span<char> room = op.kind == OpKind::kRecv ? op.recv_bytes() : std::span<char>();
    WSABUF buffer{.len = static_cast<ULONG>(room.size()), .buf = room.data()};
    DWORD flags = 0;
    DWORD size = 0;
    const int failed = WSARecv(SystemHandle(state.socket), &buffer, 1, &size, &flags, state.read.Begin(), nullptr);
    Launched(state.read, failed == 0, size, state.reader);
  }

  void Send(SocketState& state) {
    const std::string_view bytes = state.writer->send_bytes().substr(0, kSendSizeMax);
    WSABUF buffer{.len = static_cast<ULONG>(bytes.size()), .buf = const_cast<char*>(bytes.data())};
    DWORD size = 0;
    const int failed = WSASend(SystemHandle(state.socket), &buffer, 1, &size, 0, state.write.Begin(), nullptr);
    Launched(state.write, failed == 0, size, state.writer);
  }

  void Connect(SocketState& state) {
    static const auto connect_ex = WinsockExtension<LPFN_CONNECTEX>(state.socket, WSAID_CONNECTEX);
    const Op& op = *state.writer;
    // ConnectEx takes bound sockets alone; one that is bound already says WSAEINVAL and is welcome.
    SystemAddress any = ToSystem({.ip = {.family = op.connect_to->family()}, .port = 0, .path = {}});
    if (bind(SystemHandle(state.socket), any.get(), any.size) != 0 && WSAGetLastError() != WSAEINVAL) {
      return Finish(state.writer, {-1, WSAGetLastError()});
    }
    SystemAddress peer = ToSystem(*op.connect_to);
    const BOOL connected =
        connect_ex(SystemHandle(state.socket), peer.get(), peer.size, nullptr, 0, nullptr, state.write.Begin());
    Launched(state.write, connected, 0, state.writer);
  }

  // To a peer that is a mere name for what comes and goes: there is nothing to wait for.
  void ConnectDatagram(SocketState& state) {
    SystemAddress peer = ToSystem(*state.writer->connect_to);
    const bool failed = connect(SystemHandle(state.socket), peer.get(), peer.size) != 0;
    Finish(state.writer, {failed ? -1 : 0, failed ? WSAGetLastError() : 0});
  }

  // A call was made for `op`: it is done, or has failed, or the port will tell.
  void Launched(OverlappedCall& call, bool done, DWORD size, Op*& op) {
    SocketState& state = *static_cast<SocketState*>(call.owner);
    const int code = done ? 0 : WSAGetLastError();
    // A datagram that was cut is both an error here and done there.
    const bool packet = code == 0 ? state.datagram : code == WSA_IO_PENDING || call.system.Internal == kCut;
    if (packet) return;
    call.pending = false;
    FinishCall(state, op, {code == 0 ? static_cast<int64_t>(size) : -1, code});
  }

  // What the port tells of a call.
  void HandleDone(OverlappedCall& call) {
    SocketState& state = *static_cast<SocketState*>(call.owner);
    const bool closed = state.close != nullptr;
    if (&call == &state.read || &call == &state.write) {
      call.pending = false;
      if (!dying_) {
        FinishCall(state, &call == &state.read ? state.reader : state.writer, ResultOf(call, state.socket, closed));
      }
    } else {
      state.accepts->HandleDone(call);
      if (!closed && !dying_) ServeAccept(state);
    }
    if (closed && !state.pending()) {
      if (!dying_) Complete(*state.close, {0, 0});
      closing_.erase(&state);
    }
  }

  void FinishCall(SocketState& state, Op*& op, CallResult result) {
    // What is closing needs it no more, and its number may be another socket's by now.
    if (op->kind == OpKind::kConnect && result.code == 0 && state.close == nullptr) {
      // Until then it is no full socket: it can be neither shut down nor asked for its address.
      setsockopt(SystemHandle(state.socket), SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, nullptr, 0);
    }
    // "Nobody is there", which a datagram brought about, is a reset to Windows.
    if (state.datagram && result.code == WSAECONNRESET) result.code = WSAECONNREFUSED;
    Finish(op, result);
  }

  void Finish(Op*& op, CallResult result) { Complete(*std::exchange(op, nullptr), result); }

  void Complete(Op& op, CallResult result) {
    op.result = result.value;
    op.system_code = result.code;
    op.error = ToNetError(result.code);
    completed_.push_back(&op);
  }

  static void CancelCalls(SocketState& state) {
    for (OverlappedCall* call : {&state.read, &state.write}) {
      if (call->pending) CancelIoEx(FileHandle(state.socket), &call->system);
    }
    if (state.accepts != nullptr) state.accepts->Close();
  }

  // The handle goes at once, and another socket may have its number soon. The state stays until its calls are home.
  void Close(Op& op) {
    const auto found = states_.find(op.socket.handle);
    auto state = found == states_.end() ? std::make_unique<SocketState>(op.socket) : std::move(found->second);
    if (found != states_.end()) states_.erase(found);
    state->close = &op;
    CancelCalls(*state);
    if (state->accepts != nullptr && state->reader != nullptr) Finish(state->reader, {-1, WSA_OPERATION_ABORTED});
    if (op.reset) SetAbortOnClose(op.socket);
    closesocket(SystemHandle(op.socket));
    if (!state->pending()) return Complete(op, {0, 0});
    SocketState* const key = state.get();
    closing_.emplace(key, std::move(state));
  }

  void Poll(Duration timeout) {
    const MonotonicTime end = SystemClock().Monotonic() + timeout;
    OVERLAPPED_ENTRY entries[kEntriesPerWait];
    ULONG count = 0;
    for (Duration left = timeout;; left = end - SystemClock().Monotonic()) {
      // In milliseconds, rounded up, since waking a moment before a timer is due would only make us spin until it is.
      const auto milliseconds = static_cast<DWORD>(std::max<int64_t>(0, (left.count() + 999'999) / 1'000'000));
      if (GetQueuedCompletionStatusEx(port_, entries, kEntriesPerWait, &count, milliseconds, /*fAlertable=*/FALSE))
        break;
      CHECK_EQ(GetLastError(), static_cast<DWORD>(WAIT_TIMEOUT));
      if (milliseconds == 0) return;  // else it may have come a tick too early
    }
    for (ULONG i = 0; i < count; ++i) {
      if (entries[i].lpOverlapped != nullptr) HandleDone(OverlappedCall::Of(entries[i].lpOverlapped));
    }
  }

  const HANDLE port_;
  bool dying_ = false;  // the ops may be gone already, with their owners; the calls must still come home
  int waits_without_poll_ = 0;
  absl::flat_hash_map<intptr_t, std::unique_ptr<SocketState>> states_;  // by handle
  // Closed, with calls that are not home. Their numbers may be others' by now, so they have none.
  absl::flat_hash_map<SocketState*, std::unique_ptr<SocketState>> closing_;
  std::vector<Op*> completed_;
};

}  // namespace

std::unique_ptr<Poller> MakeSystemPoller() { return std::make_unique<IocpPoller>(); }

}  // namespace postern
