// Completions over epoll.
//
// Every socket is registered once, edge-triggered, and remembered as readable or writable until a call says otherwise:
// so no call is made in vain, and none of epoll_ctl's on the hot path. Start() makes the call at once when it may
// succeed; the completion waits for the next Wait().

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

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

class EpollPoller final : public Poller {
 public:
  EpollPoller() : epoll_(epoll_create1(EPOLL_CLOEXEC)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    PCHECK(epoll_ >= 0 && wake_ >= 0) << "no epoll or eventfd to be had";
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = wake_}};
    PCHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0);
  }
  ~EpollPoller() override {
    ::close(epoll_);
    ::close(wake_);
  }

  void Start(Op& op) override {
    op.result = 0;
    op.error = NetError::kNone;
    op.system_code = 0;
    SocketState& state = StateOf(op.socket);
    switch (op.kind) {
      case OpKind::kAccept:
      case OpKind::kAwaitReadable:
      case OpKind::kRecv:
        CHECK(state.reader == nullptr) << "two readers on one socket";
        state.reader = &op;
        if (state.readable) TryRead(state);
        return;
      case OpKind::kConnect:
        CHECK(state.writer == nullptr) << "two writers on one socket";
        state.writer = &op;
        StartConnect(state);
        return;
      case OpKind::kSend:
        CHECK(state.writer == nullptr) << "two writers on one socket";
        state.writer = &op;
        if (state.writable) TryWrite(state);
        return;
      case OpKind::kClose:
        if (state.reader != nullptr) Cancel(*state.reader);
        if (state.writer != nullptr) Cancel(*state.writer);
        state = SocketState{};
        ::close(static_cast<int>(op.socket.handle));
        completed_.push_back(&op);
        return;
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

  void Wake() override {
    const uint64_t one = 1;
    // It can only fail when the counter is full, and then the wake-up is there already.
    [[maybe_unused]] const ssize_t ignored = ::write(wake_, &one, sizeof one);
  }

 private:
  struct SocketState {
    bool registered = false;
    bool readable = false;
    bool writable = false;
    bool ended = false;  // the peer's end or an error is known: from now on a read never has to wait
    Op* reader = nullptr;
    Op* writer = nullptr;
  };

  SocketState& StateOf(Socket socket) {
    CHECK(socket.valid());
    const auto index = static_cast<size_t>(socket.handle);
    if (index >= states_.size()) states_.resize(index + 1);
    SocketState& state = states_[index];
    if (!state.registered) {
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                        .data = {.fd = static_cast<int>(socket.handle)}};
      PCHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, static_cast<int>(socket.handle), &event) == 0) << "fd " << socket.handle;
      state.registered = true;
      state.writable = true;  // a fresh socket has room; if not, the first send says so
    }
    return state;
  }

  void Poll(Duration timeout) {
    epoll_event events[kEventsPerWait];
    // Rounded up: waking a moment before a timer is due would only make us spin until it is.
    const int64_t timeout_ms = timeout == Duration::zero() ? 0 : (timeout.count() + 999'999) / 1'000'000;
    const int timeout_capped = static_cast<int>(std::min<int64_t>(timeout_ms, 60'000));
    const int count = epoll_wait(epoll_, events, kEventsPerWait, timeout_capped);
    PCHECK(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      const uint32_t what = events[i].events;
      if (fd == wake_) {
        uint64_t counter;
        [[maybe_unused]] const ssize_t ignored = ::read(wake_, &counter, sizeof counter);
        continue;
      }
      SocketState& state = states_[static_cast<size_t>(fd)];
      if (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) state.ended = true;
      if (what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        state.readable = true;
        if (state.reader != nullptr) TryRead(state);
      }
      if (what & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        state.writable = true;
        if (state.writer != nullptr) TryWrite(state);
      }
    }
  }

  void TryRead(SocketState& state) {
    Op& op = *state.reader;
    const int fd = static_cast<int>(op.socket.handle);
    int64_t result = 0;
    switch (op.kind) {
      case OpKind::kAwaitReadable: break;
      case OpKind::kAccept: result = AcceptOne(op); break;
      default: do { result = ::recv(fd, op.recv_bytes.data(), op.recv_bytes.size(), 0);
        } while (result < 0 && errno == EINTR);
        // Fewer than asked for: there is no more for now, and new input makes a new edge.
        if (result > 0 && static_cast<size_t>(result) < op.recv_bytes.size() && !state.ended) state.readable = false;
    }
    if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      state.readable = false;
      return;
    }
    state.reader = nullptr;
    Complete(op, result, result < 0 ? errno : 0);
  }

  static int64_t AcceptOne(Op& op) {
    for (;;) {
      op.accepted = AcceptSocket(op.socket, op.peer);
      if (op.accepted.valid()) return 0;
      // A peer that has gone before we took its connection is no failure of the listener.
      if (errno != EINTR && errno != ECONNABORTED) return -1;
    }
  }

  void StartConnect(SocketState& state) {
    Op& op = *state.writer;
    if (ConnectSocket(op.socket, op.peer)) {
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
    const int fd = static_cast<int>(op.socket.handle);
    if (op.kind == OpKind::kConnect) {
      int error = 0;
      socklen_t size = sizeof error;
      PCHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
      state.writer = nullptr;
      Complete(op, error == 0 ? 0 : -1, error);
      return;
    }
    ssize_t result;
    do {
      result = ::send(fd, op.send_bytes.data(), op.send_bytes.size(), MSG_NOSIGNAL);
    } while (result < 0 && errno == EINTR);
    if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      state.writable = false;
      return;
    }
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
  int waits_without_poll_ = 0;
  std::vector<SocketState> states_;  // by descriptor
  std::vector<Op*> completed_;
};

}  // namespace

std::unique_ptr<Poller> MakeSystemPoller() { return std::make_unique<EpollPoller>(); }

}  // namespace postern
