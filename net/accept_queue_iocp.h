// AcceptQueue keeps several accepts of one listening socket under way, so that a burst of connections finds them ready,
// and hands out what they bring, one at a time.
//
// The state of its socket owns it, on the thread of its poller. A listening socket belongs to one completion port, that
// of the poller which was first; the duplicates that other pollers have learn by events, which a thread of the system's
// pool posts to their ports. Windows gives each connection to the accept that has waited longest, whoever's it is.

#ifndef POSTERN_NET_ACCEPT_QUEUE_IOCP_H_
#define POSTERN_NET_ACCEPT_QUEUE_IOCP_H_

#include <array>
#include <deque>
#include <optional>

#include "net/address.h"
#include "net/op.h"
#include "net/overlapped_iocp.h"

namespace postern {

class AcceptQueue {
 public:
  // Calls that are done come to `port` with `owner`; by events when `shared`.
  AcceptQueue(HANDLE port, Socket listening, bool shared, void* owner);
  ~AcceptQueue();
  AcceptQueue(const AcceptQueue&) = delete;
  AcceptQueue& operator=(const AcceptQueue&) = delete;

  // Starts what is not under way and has brought nothing.
  void Arm();

  // A connection that was accepted, its handle and in `from` who it is, or a failure, or nothing.
  std::optional<CallResult> TryTake(SocketAddress& from);

  // A call of ours came home.
  void HandleDone(OverlappedCall& call);

  // The socket is about to be closed: all that is under way comes home soon, and what it brought is closed.
  void Close();

  bool pending() const;

 private:
  static constexpr size_t kSlotCount = 16;
  static constexpr DWORD kAddressSize = sizeof(sockaddr_storage) + 16;  // as AcceptEx demands

  struct Slot {
    enum class State { kIdle, kUnderWay, kReady };

    OverlappedCall call;  // first, so that a slot is known by it
    State state = State::kIdle;
    Socket accepted;
    int code = 0;
    HANDLE port = nullptr;
    HANDLE event = nullptr;
    HANDLE wait = nullptr;
    alignas(sockaddr_storage) std::array<char, 2 * kAddressSize> addresses;
  };

  int Launch(Slot& slot);
  void SetReady(Slot& slot, int code);
  bool Adopt(Slot& slot, SocketAddress& from);
  static void Discard(Slot& slot);
  static void CALLBACK HandleEvent(void* slot, BOOLEAN timed_out);

  const Socket listening_;
  const AddressFamily family_;
  bool closed_ = false;
  std::array<Slot, kSlotCount> slots_;
  std::deque<Slot*> ready_;
};

}  // namespace postern

#endif  // POSTERN_NET_ACCEPT_QUEUE_IOCP_H_
