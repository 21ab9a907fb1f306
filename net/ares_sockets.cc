#include "net/ares_sockets.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <string>

#include "net/ares_system.h"
#include "net/socket.h"

namespace postern {
namespace {

constexpr size_t kRecvSize = 4096;          // as c-ares reads at most; we offer the servers less (dns_client_ares.cc)
constexpr size_t kInboxCountMax = 64;       // what comes meanwhile waits in the system
constexpr size_t kOutboxCountMax = 1000;    // datagrams beyond are lost, as datagrams are
constexpr size_t kStreamOutboxMax = 65536;  // bytes
constexpr int kReadsPerTurnMax = 100;       // of one socket: others have their turn too

std::optional<DnsRcode> RcodeOf(std::string_view message) {
  if (message.size() < 4) return std::nullopt;
  return static_cast<DnsRcode>(static_cast<uint8_t>(message[3]) & 0x0F);
}

}  // namespace

// One of them. It lives until its close has come home.
class AresSockets::AresSocket {
 public:
  AresSocket(AresSockets& owner, bool datagram) : owner_(owner), datagram_(datagram) {
    for (Op* op : {&connect_, &recv_, &send_, &close_}) op->owner = this;
    connect_.kind = OpKind::kConnect;
    connect_.connect_to = &server_;
    connect_.done = [](Op& op) { Of(op).HandleConnect(); };
    recv_.kind = OpKind::kRecv;
    recv_.set_recv_bytes(memory_);
    recv_.done = [](Op& op) { Of(op).HandleRecv(); };
    send_.kind = OpKind::kSend;
    send_.done = [](Op& op) { Of(op).HandleSend(); };
    close_.kind = OpKind::kClose;
    close_.done = [](Op& op) { Of(op).owner_.Forget(Of(op)); };
  }

  bool datagram() const { return datagram_; }
  const SocketAddress& server() const { return server_; }
  // c-ares can read something, the end or an error.
  bool readable() const { return !inbox_.empty() || state_ == State::kEnded || state_ == State::kFailed; }
  bool writable() const { return wants_write_ && HasRoom(); }
  void set_wants_write(bool wants) { wants_write_ = wants; }

  // These do what c-ares' calls do: bytes, or FailWith().
  int Connect(const sockaddr* address, ares_socklen_t size) {
    sockaddr_ = std::string(reinterpret_cast<const char*>(address), size);
    server_ = FromSystemAddress(*address);
    Sockets& sockets = owner_.poller_.sockets();
    const SocketResult made = datagram_ ? sockets.MakeDatagramFor(server_) : sockets.MakeFor(server_);
    if (!made.socket.valid()) return static_cast<int>(FailWith(AresError::kRefused));
    for (Op* op : {&connect_, &recv_, &send_, &close_}) op->socket = made.socket;
    state_ = State::kConnecting;
    owner_.poller_.Start(connect_);
    // A datagram may be given to us at once; it waits in the outbox.
    return datagram_ ? 0 : static_cast<int>(FailWith(AresError::kInProgress));
  }

  ares_ssize_t Send(const iovec* pieces, int count) {
    if (!datagram_ && !HasRoom()) return FailWith(AresError::kWouldBlock);
    std::string bytes = Join(pieces, count);
    const auto size = static_cast<ares_ssize_t>(bytes.size());
    if (outbox_.size() < kOutboxCountMax) {
      outbox_size_ += bytes.size();
      outbox_.push_back(std::move(bytes));
    }
    SendNext();
    return size;
  }

  ares_ssize_t Recv(void* memory, size_t size, sockaddr* from, ares_socklen_t* from_size) {
    if (inbox_.empty()) {
      if (state_ == State::kEnded) return 0;
      return FailWith(state_ == State::kFailed ? AresError::kReset : AresError::kWouldBlock);
    }
    std::string& first = inbox_.front();
    const size_t count = std::min(size, first.size());
    std::memcpy(memory, first.data(), count);
    if (from != nullptr) {
      *from_size = std::min(*from_size, static_cast<ares_socklen_t>(sockaddr_.size()));
      std::memcpy(from, sockaddr_.data(), *from_size);
    }
    if (datagram_ || count == first.size()) {
      inbox_.pop_front();
    } else {
      first.erase(0, count);
    }
    StartRecv();
    return static_cast<ares_ssize_t>(count);
  }

  // False when there is nothing to close.
  bool StartClose() {
    if (state_ == State::kFresh) return false;
    state_ = State::kClosing;
    owner_.poller_.Start(close_);
    return true;
  }

 private:
  enum class State : uint8_t { kFresh, kConnecting, kConnected, kEnded, kFailed, kClosing };

  static AresSocket& Of(Op& op) { return *static_cast<AresSocket*>(op.owner); }

  bool HasRoom() const { return state_ == State::kConnected && outbox_size_ < kStreamOutboxMax; }

  void HandleConnect() {
    if (state_ == State::kClosing) return;
    state_ = connect_.result < 0 ? State::kFailed : State::kConnected;
    StartRecv();
    SendNext();
  }

  void StartRecv() {
    if (state_ != State::kConnected || receiving_ || inbox_.size() >= kInboxCountMax) return;
    receiving_ = true;
    owner_.poller_.Start(recv_);
  }

  void HandleRecv() {
    receiving_ = false;
    if (state_ != State::kConnected) return;
    if (recv_.result < 0) {
      state_ = State::kFailed;
    } else if (recv_.result > 0) {
      inbox_.emplace_back(memory_.data(), static_cast<size_t>(recv_.result));
    } else if (!datagram_) {
      state_ = State::kEnded;
    }
    // An empty datagram is nothing; c-ares would take it for an end.
    StartRecv();
  }

  void SendNext() {
    if (state_ != State::kConnected || sending_ || outbox_.empty()) return;
    sending_ = true;
    send_.set_send_bytes(outbox_.front());
    owner_.poller_.Start(send_);
  }

  void HandleSend() {
    sending_ = false;
    if (state_ != State::kConnected) return;
    if (send_.result < 0) {
      state_ = State::kFailed;
      return;
    }
    const size_t sent = datagram_ ? outbox_.front().size() : static_cast<size_t>(send_.result);
    outbox_size_ -= sent;
    outbox_.front().erase(0, sent);
    if (outbox_.front().empty()) outbox_.pop_front();
    SendNext();
  }

  AresSockets& owner_;
  const bool datagram_;
  State state_ = State::kFresh;
  bool wants_write_ = false;
  bool receiving_ = false;
  bool sending_ = false;
  SocketAddress server_;
  std::string sockaddr_;           // the same as c-ares wrote it
  std::deque<std::string> inbox_;  // datagrams, or pieces of a stream
  std::deque<std::string> outbox_;
  size_t outbox_size_ = 0;  // bytes
  std::array<char, kRecvSize> memory_;
  Op connect_;
  Op recv_;
  Op send_;
  Op close_;
};

struct AresSockets::Calls {
  static AresSockets& Of(void* self) { return *static_cast<AresSockets*>(self); }

  static ares_socket_t Open(int, int type, int, void* self) {
    auto& open = Of(self).open_;
    const auto place = std::find(open.begin(), open.end(), nullptr);
    const auto fd = static_cast<ares_socket_t>(place - open.begin());
    if (place == open.end()) open.emplace_back();
    open[static_cast<size_t>(fd)] = std::make_unique<AresSocket>(Of(self), /*datagram=*/type == SOCK_DGRAM);
    return fd;
  }

  static int Close(ares_socket_t fd, void* self) {
    std::unique_ptr<AresSocket> socket = std::move(Of(self).open_[static_cast<size_t>(fd)]);
    if (socket->StartClose()) Of(self).closing_.push_back(std::move(socket));
    return 0;
  }

  static int Connect(ares_socket_t fd, const sockaddr* address, ares_socklen_t size, void* self) {
    return Of(self).Find(fd)->Connect(address, size);
  }

  static ares_ssize_t Recv(ares_socket_t fd, void* memory, size_t size, int, sockaddr* from, ares_socklen_t* from_size,
                           void* self) {
    AresSocket& socket = *Of(self).Find(fd);
    const ares_ssize_t count = socket.Recv(memory, size, from, from_size);
    std::optional<Answer>& answer = Of(self).answer_;
    answer.reset();
    if (count > 0) {
      answer.emplace(Answer{.server = socket.server(), .rcode = {}});
      if (socket.datagram()) answer->rcode = RcodeOf({static_cast<const char*>(memory), static_cast<size_t>(count)});
    }
    return count;
  }

  static ares_ssize_t Send(ares_socket_t fd, const iovec* pieces, int count, void* self) {
    return Of(self).Find(fd)->Send(pieces, count);
  }

  static void HandleWishes(void* self, ares_socket_t fd, int, int writable) {
    if (AresSocket* socket = Of(self).Find(fd); socket != nullptr) socket->set_wants_write(writable != 0);
  }
};

AresSockets::AresSockets(Poller& poller) : poller_(poller) {}

AresSockets::~AresSockets() = default;

void AresSockets::AddTo(ares_options& options, int& mask) {
  options.sock_state_cb = Calls::HandleWishes;
  options.sock_state_cb_data = this;
  mask |= ARES_OPT_SOCK_STATE_CB;
}

void AresSockets::Serve(ares_channel channel) {
  static constexpr ares_socket_functions kFunctions = {.asocket = Calls::Open,
                                                       .aclose = Calls::Close,
                                                       .aconnect = Calls::Connect,
                                                       .arecvfrom = Calls::Recv,
                                                       .asendv = Calls::Send};
  ares_set_socket_functions(channel, &kFunctions, this);
}

void AresSockets::Process(ares_channel channel) {
  // c-ares may open and close sockets meanwhile, so each is looked up every time.
  for (size_t i = 0; i < open_.size(); ++i) {
    const auto fd = static_cast<ares_socket_t>(i);
    for (int reads = 0; reads < kReadsPerTurnMax && open_[i] != nullptr && open_[i]->readable(); ++reads) {
      ares_process_fd(channel, fd, ARES_SOCKET_BAD);
    }
    if (open_[i] != nullptr && open_[i]->writable()) ares_process_fd(channel, ARES_SOCKET_BAD, fd);
  }
  answer_.reset();
}

bool AresSockets::HasWork() const {
  return std::any_of(open_.begin(), open_.end(), [](const std::unique_ptr<AresSocket>& socket) {
    return socket != nullptr && (socket->readable() || socket->writable());
  });
}

bool AresSockets::closed() const {
  return closing_.empty() && std::all_of(open_.begin(), open_.end(), [](const auto& socket) { return !socket; });
}

AresSockets::AresSocket* AresSockets::Find(ares_socket_t fd) const { return open_[static_cast<size_t>(fd)].get(); }

void AresSockets::Forget(const AresSocket& socket) {
  std::erase_if(closing_, [&socket](const auto& closing) { return closing.get() == &socket; });
}

}  // namespace postern
