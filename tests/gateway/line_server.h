// LineServer is a server for a command to talk to: it says its lines, one for the greeting and one for each command.
//
// A test owns it; it serves one client after the other on a thread of its own until it is destroyed.

#ifndef POSTERN_TESTS_GATEWAY_LINE_SERVER_H_
#define POSTERN_TESTS_GATEWAY_LINE_SERVER_H_

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "gtest/gtest.h"
#include "net/block_lender.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/poller.h"
#include "net/reactor.h"

namespace postern {

class LineServer final : private ListenerHandler, private ConnectionHandler {
 public:
  // When the replies are at an end, so is the connection.
  explicit LineServer(std::vector<std::string> replies) : replies_(std::move(replies)) {
    const SocketResult result = SystemSockets().ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 8);
    EXPECT_TRUE(result.socket.valid()) << result.what;
    address_ = SystemSockets().LocalAddress(result.socket);
    listener_.Start(reactor_, *this, result.socket);
    thread_ = std::thread([this] {
      while (!listener_.closed() || busy_) reactor_.Turn();
    });
  }
  ~LineServer() override {
    reactor_.Post([this] {
      listener_.Close();
      if (busy_) connection_.Abort();
      for (const Socket socket : std::exchange(waiting_, {})) reactor_.sockets().CloseNow(socket);
    });
    thread_.join();
  }
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;

  const SocketAddress& address() const { return address_; }

 private:
  void HandleAccepted(Socket socket, const SocketAddress&) override {
    waiting_.push_back(socket);
    if (!busy_) ServeNext();
  }
  void HandleAcceptFailed(NetError, int) override {}
  void HandleInput(Connection&) override {
    RingBuffer& input = connection_.input();
    const std::string_view text = input.Peek();
    const auto lines = std::count(text.begin(), text.end(), '\n');
    input.Consume(input.size());
    for (int i = 0; i < lines; ++i) SayNext();
  }
  void HandlePeerEnd(Connection&) override { connection_.CloseAfterFlush(); }
  void HandleClosed(Connection&) override {
    busy_ = false;
    if (!waiting_.empty()) ServeNext();
  }

  void ServeNext() {
    busy_ = true;
    said_count_ = 0;
    connection_.Start(reactor_, lender_, *this, waiting_.front());
    waiting_.pop_front();
    SayNext();
  }

  void SayNext() {
    if (said_count_ == replies_.size()) return connection_.CloseAfterFlush();
    connection_.output() += replies_[said_count_++];
    connection_.Flush();
  }

  const std::vector<std::string> replies_;
  const SystemClock clock_;
  const std::unique_ptr<Poller> poller_ = MakeSystemPoller();
  Reactor reactor_{*poller_, clock_};
  BlockLender lender_{reactor_, 1};
  Listener listener_;
  Connection connection_;
  SocketAddress address_;
  std::deque<Socket> waiting_;
  size_t said_count_ = 0;
  bool busy_ = false;
  std::thread thread_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_GATEWAY_LINE_SERVER_H_
