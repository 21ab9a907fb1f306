// Completions over epoll.
//
// Every socket is registered once, edge-triggered, and what it is ready for is remembered until a call says otherwise:
// so hardly a call is made in vain, and none of epoll_ctl's on the hot path. Start() makes the call at once when it may
// succeed; the completion waits for the next Wait().

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "absl/log/check.h"
#include "net/poller.h"
#include "net/socket.h"
#include "net/socket_posix.h"

namespace postern {
namespace {

constexpr int kEventsPerWait = 256;
// Completions that wait for their turn are handed over without asking the kernel first, but not for ever: new input of
// others must not starve.
constexpr int kWaitsWithoutPollMax = 3;

constexpr Duration kTimeoutMax = std::chrono::minutes(1);

constexpr uint32_t kStreamEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
// Of several reactors that sleep, one is woken for a new connection; those that are awake hear of it too, and find
// EAGAIN when another was faster.
constexpr uint32_t kListenerEvents = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE;
constexpr uint32_t kEndEvents = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

// Makes `call` until no signal interrupts it.
template <typename Call>
ssize_t Insist(Call call) {
  ssize_t result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

bool WouldBlock(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK); }

class EpollPoller final : public Poller {
 public:
  EpollPoller() : epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    PCHECK(epoll_ >= 0 && wake_ >= 0) << "no epoll or eventfd to be had";
    Register(wake_, EPOLLIN | EPOLLET);
  }
  ~EpollPoller() override {
    ::close(epoll_);
    ::close(wake_);
  }

  void Start(Op& op) override {
    op.result = 0;
    op.error = NetError::kNone;
    op.system_code = 0;
    SocketState& state = StateOf(op);
    switch (op.kind) {
      case OpKind::kAccept:
      case OpKind::kAwaitReadable:
      case OpKind::kRecv:
        CHECK(state.reader == nullptr) << "two readers on one socket";
        state.reader = &op;
        if (state.readable != Readable::kNo) TryRead(state);
        return;
      case OpKind::kConnect:
      case OpKind::kSend:
        CHECK(state.writer == nullptr) << "two writers on one socket";
        state.writer = &op;
        if (op.kind == OpKind::kConnect) {
          StartConnect(state);
        } else if (state.writable) {
          TryWrite(state);
        }
        return;
      case OpKind::kClose: Close(state, op); return;
    }
  }

  void Cancel(Op& op) override {
    SocketState& state = states_[static_cast<size_t>(op.socket.handle)];
    if (state.reader == &op) {
      state.reader = nullptr;
    } else if (state.writer == &op) {
      state.writer = nullptr;
    } else {
      return;  // done already, and on its way home
    }
    Complete(op, -1, ECANCELED);
  }

  void Wait(Duration timeout_max, std::vector<Op*>& done) override {
    if (completed_.empty() || ++waits_without_poll_ > kWaitsWithoutPollMax) {
      waits_without_poll_ = 0;
      Poll(completed_.empty() ? timeout_max : Duration::zero());
    }
    done.insert(done.end(), completed_.begin(), completed_.end());
    completed_.clear();
  }

  Sockets& sockets() override { return SystemSockets(); }

  void Wake() override {
    const uint64_t one = 1;
    // Every write makes a new edge, so nobody ever has to read the counter; it is full after some hundred years.
    [[maybe_unused]] const ssize_t ignored = ::write(wake_, &one, sizeof one);
  }

 private:
  enum class Readable : uint8_t {
    kNo,
    kMaybe,  // a receive got all that it asked for: there may be more
    kYes,
  };

  struct SocketState {
    bool registered = false;
    bool listening = false;
    bool datagram = false;
    bool writable = false;
    bool ended = false;  // the peer's end or an error is known: from now on a read never has to wait
    Readable readable = Readable::kNo;
    Op* reader = nullptr;
    Op* writer = nullptr;
  };

  SocketState& StateOf(const Op& op) {
    CHECK(op.socket.valid());
    const auto index = static_cast<size_t>(op.socket.handle);
    if (index >= states_.size()) states_.resize(index + 1);
    SocketState& state = states_[index];
    if (!state.registered && op.kind != OpKind::kClose) {
      state.registered = true;
      state.listening = op.kind == OpKind::kAccept;
      state.datagram = op.kind == OpKind::kConnect && IsDatagramSocket(op.socket);
      state.writable = !state.listening;  // a fresh socket has room; if not, the first send says so
      Register(static_cast<int>(op.socket.handle), state.listening ? kListenerEvents : kStreamEvents);
    }
    return state;
  }

  void Register(int fd, uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    PCHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) << "descriptor " << fd;
  }

  void Close(SocketState& state, Op& op) {
    const int fd = static_cast<int>(op.socket.handle);
    if (state.reader != nullptr) Cancel(*state.reader);
    if (state.writer != nullptr) Cancel(*state.writer);
    // epoll forgets a socket when its last descriptor is closed, and a listening one may have others.
    if (state.listening) PCHECK(epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr) == 0);
    state = SocketState{};
    if (op.reset) SetAbortOnClose(op.socket);
    ::close(fd);
    Complete(op, 0, 0);
  }

  void Poll(Duration timeout) {
    epoll_event events[kEventsPerWait];
    const int count = WaitForEvents(events, std::min<Duration>(timeout, kTimeoutMax));
    PCHECK(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd != wake_) HandleEvents(states_[static_cast<size_t>(events[i].data.fd)], events[i].events);
    }
  }

  // To the nanosecond on Linux 5.11 and later; else in milliseconds, rounded up, since waking a moment before a timer
  // is due would only make us spin until it is.
  int WaitForEvents(epoll_event* events, Duration timeout) {
    if (precise_) {
      const timespec precise{.tv_sec = timeout.count() / 1'000'000'000, .tv_nsec = timeout.count() % 1'000'000'000};
      const int count = epoll_pwait2(epoll_, events, kEventsPerWait, &precise, nullptr);
      if (count >= 0 || errno != ENOSYS) return count;
      precise_ = false;
    }
    return epoll_wait(epoll_, events, kEventsPerWait, static_cast<int>((timeout.count() + 999'999) / 1'000'000));
  }

  void HandleEvents(SocketState& state, uint32_t events) {
    // Datagrams have no end, and their errors are one-time.
    if ((events & kEndEvents) && !state.datagram) state.ended = true;
    if (events & (EPOLLIN | kEndEvents)) {
      state.readable = Readable::kYes;
      if (state.reader != nullptr) TryRead(state);
    }
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
      state.writable = true;
      if (state.writer != nullptr) TryWrite(state);
    }
  }

  void TryRead(SocketState& state) {
    Op& op = *state.reader;
    const int64_t result = Read(state, op);
    if (WouldBlock(result)) {
      state.readable = Readable::kNo;
      return;
    }
    state.reader = nullptr;
    Complete(op, result, result < 0 ? errno : 0);
  }

  static int64_t Read(SocketState& state, const Op& op) {
    const int fd = static_cast<int>(op.socket.handle);
    if (op.kind == OpKind::kAccept) return AcceptOne(op);
    if (op.kind == OpKind::kAwaitReadable) {
      if (state.readable == Readable::kYes) return 0;
      char byte;  // only after a receive that got all it asked for
      return std::min<ssize_t>(0, Insist([&] { return ::recv(fd, &byte, 1, MSG_PEEK); }));
    }
    const ssize_t result = Insist([&] { return ::recv(fd, op.recv_data, op.size, 0); });
    if (state.datagram) {
      state.readable = Readable::kMaybe;  // one at a time, however much room there is
    } else if (result > 0 && !state.ended) {
      // Fewer than asked for: there is no more for now, and new input makes a new edge.
      state.readable = static_cast<size_t>(result) < op.size ? Readable::kNo : Readable::kMaybe;
    }
    return result;
  }

  static int64_t AcceptOne(const Op& op) {
    return Insist([&] {
      const Socket accepted = AcceptSocket(op.socket, *op.accept_from);
      // A peer that has gone before we took its connection is no failure of the listener.
      if (!accepted.valid() && errno == ECONNABORTED) errno = EINTR;
      return accepted.handle;
    });
  }

  void StartConnect(SocketState& state) {
    Op& op = *state.writer;
    if (ConnectSocket(op.socket, *op.connect_to)) {
      state.writer = nullptr;
      Complete(op, 0, 0);
    } else if (errno == EINPROGRESS) {
      state.writable = false;
    } else {
      state.writer = nullptr;
      Complete(op, -1, errno);
    }
  }

  void TryWrite(SocketState& state) {
    Op& op = *state.writer;
    if (op.kind == OpKind::kConnect) {
      const int error = ConnectOutcome(op.socket);
      state.writer = nullptr;
      Complete(op, error == 0 ? 0 : -1, error);
      return;
    }
    const ssize_t result =
        Insist([&] { return ::send(static_cast<int>(op.socket.handle), op.send_data, op.size, MSG_NOSIGNAL); });
    if (WouldBlock(result)) {
      state.writable = false;
      return;
    }
    // Fewer than given: there is no room for now, and when there is, that makes a new edge.
    if (result >= 0 && static_cast<size_t>(result) < op.size) state.writable = false;
    state.writer = nullptr;
    Complete(op, result, result < 0 ? errno : 0);
  }

  void Complete(Op& op, int64_t result, int system_code) {
    op.result = result;
    op.system_code = system_code;
    op.error = ToNetError(system_code);
    completed_.push_back(&op);
  }

  const int epoll_;
  const int wake_;
  bool precise_ = true;  // epoll_pwait2() is there
  int waits_without_poll_ = 0;
  std::vector<SocketState> states_;  // by descriptor
  std::vector<Op*> completed_;
};

}  // namespace

std::unique_ptr<Poller> MakeSystemPoller() { return std::make_unique<EpollPoller>(); }

}  // namespace postern
