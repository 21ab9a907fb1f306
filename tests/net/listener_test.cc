#include "net/listener.h"

#include <functional>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "tests/net/world.h"

namespace postern {
namespace {

class ListenerTest : public testing::TestWithParam<uint64_t>, protected ListenerHandler {
 protected:
  void SetUp() override {
    const SocketResult result = world_.sockets().ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 128);
    ASSERT_TRUE(result.socket.valid()) << result.what;
    listener_.Start(reactor_, *this, result.socket);
  }
  ~ListenerTest() override {
    for (const Socket socket : sockets_) world_.sockets().CloseNow(socket);
  }

  void HandleAccepted(Socket socket, const SocketAddress& peer) override {
    EXPECT_EQ(peer.ip, listener_.address().ip);
    sockets_.push_back(socket);
    ++accepted_count_;
    if (accepted_count_ == close_after_) listener_.Close();
  }
  void HandleAcceptFailed(NetError error, int) override {
    last_error_ = error;
    failed_at_.push_back(reactor_.now());
  }
  void HandleListenerClosed() override { closed_ = true; }

  void Connect(size_t count) {
    const SocketAddress address = listener_.address();
    for (size_t i = 0; i < count; ++i) {
      Op& op = *ops_.emplace_back(std::make_unique<Op>());
      op.kind = OpKind::kConnect;
      op.socket = world_.sockets().MakeFor(address).socket;
      op.connect_to = &address;
      op.done = [](Op&) {};
      sockets_.push_back(op.socket);
      reactor_.Start(op);
    }
  }
  bool Until(const std::function<bool()>& done) { return world_.TurnUntil(reactor_, done); }

  World world_{GetParam()};
  Reactor reactor_{world_.poller(), world_.clock()};
  Listener listener_;
  std::vector<std::unique_ptr<Op>> ops_;
  std::vector<Socket> sockets_;
  size_t accepted_count_ = 0;
  size_t close_after_ = SIZE_MAX;
  bool closed_ = false;
  NetError last_error_ = NetError::kNone;
  std::vector<MonotonicTime> failed_at_;
};

TEST_P(ListenerTest, GivesEveryConnectionToItsHandler) {
  Connect(30);
  EXPECT_TRUE(Until([&] { return accepted_count_ == 30; }));
  listener_.Close();
  EXPECT_FALSE(closed_);
  EXPECT_TRUE(Until([&] { return closed_; }));
  EXPECT_TRUE(listener_.closed());
}

TEST_P(ListenerTest, MayBeClosedByItsHandlerAndStartedAgain) {
  close_after_ = 3;
  Connect(10);
  EXPECT_TRUE(Until([&] { return closed_; }));
  EXPECT_EQ(accepted_count_, 3u) << "nothing is given after Close()";
  closed_ = false;
  close_after_ = SIZE_MAX;
  SetUp();
  Connect(1);
  EXPECT_TRUE(Until([&] { return accepted_count_ == 4; }));
  listener_.Close();
  EXPECT_TRUE(Until([&] { return closed_; }));
}

TEST_P(ListenerTest, PausesWhenAcceptingFails) {
  if (!world_.simulated()) return;  // the system's own failures: host_posix_test
  world_.network().FailAccepts(NetError::kNoDescriptors, 3);
  Connect(5);
  EXPECT_TRUE(Until([&] { return accepted_count_ == 5; }));
  EXPECT_EQ(last_error_, NetError::kNoDescriptors);
  ASSERT_EQ(failed_at_.size(), 3u);
  EXPECT_GE(failed_at_[1] - failed_at_[0], kAcceptPause);
  EXPECT_GE(failed_at_[2] - failed_at_[1], kAcceptPause);
  // Closed while it pauses.
  world_.network().FailAccepts(NetError::kNoDescriptors, 1);
  Connect(1);
  EXPECT_TRUE(Until([&] { return failed_at_.size() == 4; }));
  listener_.Close();
  EXPECT_TRUE(Until([&] { return closed_; }));
  EXPECT_EQ(accepted_count_, 5u);
}

INSTANTIATE_TEST_SUITE_P(Worlds, ListenerTest, AllWorlds(), WorldName);

}  // namespace
}  // namespace postern
