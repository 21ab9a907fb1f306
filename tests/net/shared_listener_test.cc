// Several reactors, each on a thread of its own, take connections from one listening socket.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "net/listener.h"
#include "net/poller.h"
#include "net/reactor.h"

namespace postern {
namespace {

class Door final : public ListenerHandler {
 public:
  explicit Door(Socket listening) { listener_.Start(reactor_, *this, listening); }

  void HandleAccepted(Socket socket, const SocketAddress&) override {
    reactor_.sockets().CloseNow(socket);
    accepted_count.fetch_add(1);
  }
  void HandleAcceptFailed(NetError, int) override { ADD_FAILURE(); }

  void Start() {
    thread_ = std::thread([this] {
      while (!listener_.closed()) reactor_.Turn(std::chrono::seconds(1));
    });
  }
  void Stop() {
    reactor_.Post([this] { listener_.Close(); });
    thread_.join();
  }

  std::atomic<int> accepted_count{0};

 private:
  const SystemClock clock_;
  const std::unique_ptr<Poller> poller_ = MakeSystemPoller();
  Reactor reactor_{*poller_, clock_};
  Listener listener_;
  std::thread thread_;
};

TEST(SharedListener, EveryConnectionIsTakenOnceAndAllTakePart) {
  constexpr int kCount = 1000;
  Sockets& sockets = SystemSockets();
  const Socket listening = sockets.ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 1024).socket;
  const SocketAddress address = sockets.LocalAddress(listening);
  std::vector<std::unique_ptr<Door>> doors;
  for (int i = 0; i < 3; ++i) {
    doors.push_back(std::make_unique<Door>(i == 0 ? listening : sockets.Duplicate(listening).socket));
  }
  for (const auto& door : doors) door->Start();

  const SystemClock clock;
  const std::unique_ptr<Poller> poller = MakeSystemPoller();
  Reactor client(*poller, clock);
  int connected_count = 0;
  std::vector<std::unique_ptr<Op>> ops;
  const auto connect = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Op& op = *ops.emplace_back(std::make_unique<Op>());
      op.kind = OpKind::kConnect;
      op.socket = sockets.MakeFor(address).socket;
      op.connect_to = &address;
      op.owner = &connected_count;
      op.done = [](Op& done) { *static_cast<int*>(done.owner) += done.error == NetError::kNone ? 1 : 0; };
      client.Start(op);
    }
    client.Turn(Duration::zero());
  };
  const auto accepted_count = [&] {
    int sum = 0;
    for (const auto& door : doors) sum += door->accepted_count.load();
    return sum;
  };
  const auto wait_for = [&](int count) {
    const MonotonicTime end = clock.Monotonic() + std::chrono::seconds(20);
    while ((accepted_count() < count || connected_count < count) && clock.Monotonic() < end) {
      client.Turn(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(accepted_count(), count);
    EXPECT_EQ(connected_count, count);
  };
  // In bursts, and one by one to doors that sleep: a wake-up that is lost would leave a connection waiting.
  int count = 0;
  while (count < kCount / 2) wait_for((connect(50), count += 50));
  while (count < kCount / 2 + 100) wait_for((connect(1), count += 1));
  int busy = 0;
  for (const auto& door : doors) busy += door->accepted_count.load() > 0 ? 1 : 0;
  EXPECT_GE(busy, 2);
  // Those who are left go on when one has closed its door.
  doors[0]->Stop();
  while (count < kCount) wait_for((connect(50), count += 50));
  doors[1]->Stop();
  doors[2]->Stop();
  for (const auto& op : ops) sockets.CloseNow(op->socket);
}

}  // namespace
}  // namespace postern
