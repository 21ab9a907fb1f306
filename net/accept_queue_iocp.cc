#include "net/accept_queue_iocp.h"

#include <mswsock.h>

#include <algorithm>
#include <utility>

#include "absl/log/check.h"
#include "net/socket.h"

namespace postern {
namespace {

// A peer that has gone before we took its connection is no failure of the listener.
bool PeerHasGone(int code) {
  return code == WSAECONNRESET || code == WSAECONNABORTED || code == static_cast<int>(ERROR_NETNAME_DELETED);
}

}  // namespace

AcceptQueue::AcceptQueue(HANDLE port, Socket listening, bool shared, void* owner)
    : listening_(listening), family_(SystemSockets().LocalAddress(listening).family()) {
  for (Slot& slot : slots_) {
    slot.call.owner = owner;
    slot.port = port;
    if (!shared) continue;
    slot.event = CreateEventW(nullptr, /*bManualReset=*/FALSE, /*bInitialState=*/FALSE, nullptr);
    CHECK(slot.event != nullptr) << "no event for an accept: code " << GetLastError();
    CHECK(RegisterWaitForSingleObject(&slot.wait, slot.event, HandleEvent, &slot, INFINITE, WT_EXECUTEINWAITTHREAD))
        << "nobody to wait for an accept: code " << GetLastError();
    // The lowest bit tells Windows to leave out the port that the socket belongs to.
    slot.call.system.hEvent = reinterpret_cast<HANDLE>(reinterpret_cast<uintptr_t>(slot.event) | 1);
  }
}

AcceptQueue::~AcceptQueue() {
  for (Slot& slot : slots_) {
    CHECK(!slot.call.pending);
    Discard(slot);
    if (slot.event == nullptr) continue;
    UnregisterWaitEx(slot.wait, /*CompletionEvent=*/INVALID_HANDLE_VALUE);  // waits for a HandleEvent() under way
    CloseHandle(slot.event);
  }
}

void CALLBACK AcceptQueue::HandleEvent(void* slot, BOOLEAN /*timed_out*/) {
  Slot& done = *static_cast<Slot*>(slot);
  PostQueuedCompletionStatus(done.port, 0, 0, &done.call.system);
}

void AcceptQueue::Arm() {
  for (Slot& slot : slots_) {
    if (slot.state != Slot::State::kIdle) continue;
    if (const int code = Launch(slot); code != 0) return SetReady(slot, code);
  }
}

int AcceptQueue::Launch(Slot& slot) {
  static const auto accept_ex = WinsockExtension<LPFN_ACCEPTEX>(listening_, WSAID_ACCEPTEX);
  for (;;) {
    slot.accepted = MakeSystemSocket(family_, SOCK_STREAM);
    if (!slot.accepted.valid()) return WSAGetLastError();
    DWORD size = 0;
    // Whatever it returns but an error, the port or the event will tell.
    if (accept_ex(SystemHandle(listening_), SystemHandle(slot.accepted), slot.addresses.data(), 0, kAddressSize,
                  kAddressSize, &size, slot.call.Begin()) ||
        WSAGetLastError() == WSA_IO_PENDING) {
      slot.state = Slot::State::kUnderWay;
      return 0;
    }
    const int code = WSAGetLastError();
    slot.call.pending = false;
    Discard(slot);
    if (!PeerHasGone(code)) return code;
  }
}

void AcceptQueue::HandleDone(OverlappedCall& call) {
  Slot& slot = reinterpret_cast<Slot&>(call);
  call.pending = false;
  const int code = ResultOf(call, listening_, closed_).code;
  if (closed_ || PeerHasGone(code)) {
    Discard(slot);
    if (!closed_) Arm();
    return;
  }
  SetReady(slot, code);
}

void AcceptQueue::SetReady(Slot& slot, int code) {
  slot.state = Slot::State::kReady;
  slot.code = code;
  ready_.push_back(&slot);
}

std::optional<CallResult> AcceptQueue::TryTake(SocketAddress& from) {
  while (!ready_.empty()) {
    Slot& slot = *ready_.front();
    ready_.pop_front();
    std::optional<CallResult> taken;
    if (slot.code != 0) {
      taken = CallResult{-1, slot.code};
    } else if (Adopt(slot, from)) {
      taken = CallResult{std::exchange(slot.accepted, Socket{}).handle, 0};
    }
    Discard(slot);
    if (taken.has_value()) return taken;
    // It served nobody, so nobody's next accept would start it again.
    if (const int failure = Launch(slot); failure != 0) SetReady(slot, failure);
  }
  return std::nullopt;
}

// False when the connection has broken meanwhile.
bool AcceptQueue::Adopt(Slot& slot, SocketAddress& from) {
  static const auto get_addresses = WinsockExtension<LPFN_GETACCEPTEXSOCKADDRS>(listening_, WSAID_GETACCEPTEXSOCKADDRS);
  // Until then it is no full socket: it can be neither shut down nor asked for its address.
  const SOCKET listening = SystemHandle(listening_);
  if (setsockopt(SystemHandle(slot.accepted), SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                 reinterpret_cast<const char*>(&listening), sizeof listening) != 0) {
    return false;
  }
  SetFlag(slot.accepted, IPPROTO_TCP, TCP_NODELAY, 1);
  sockaddr* local = nullptr;
  sockaddr* peer = nullptr;
  int local_size = 0;
  int peer_size = 0;
  get_addresses(slot.addresses.data(), 0, kAddressSize, kAddressSize, &local, &local_size, &peer, &peer_size);
  from = FromSystemAddress(*peer);
  return true;
}

void AcceptQueue::Discard(Slot& slot) {
  if (slot.accepted.valid()) closesocket(SystemHandle(std::exchange(slot.accepted, Socket{})));
  slot.state = Slot::State::kIdle;
}

void AcceptQueue::Close() {
  closed_ = true;
  // One by one: of a socket that has duplicates a close alone ends none of them.
  for (Slot& slot : slots_) {
    if (slot.call.pending) CancelIoEx(reinterpret_cast<HANDLE>(listening_.handle), &slot.call.system);
  }
  for (Slot* slot : ready_) Discard(*slot);
  ready_.clear();
}

bool AcceptQueue::pending() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.call.pending; });
}

}  // namespace postern
