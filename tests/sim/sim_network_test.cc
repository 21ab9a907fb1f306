#include "tests/sim/sim_network.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "net/connection.h"
#include "net/listener.h"
#include "tests/sim/sim_poller.h"

namespace postern {
namespace {

const SocketAddress kServer = *SocketAddress::Parse("192.0.2.25:25");
const SocketAddress kClient = *SocketAddress::Parse("198.51.100.1:50000");

// A server that sends back what it gets, and writes down when.
class EchoWorld : private ListenerHandler, private ConnectionHandler {
 public:
  explicit EchoWorld(uint64_t seed, SimNetworkOptions options = {}) : network(clock, seed, options) {
    listener_.Start(reactor, *this, network.ListenOn(kServer, 16).socket);
  }
  ~EchoWorld() override {
    if (connection.open()) connection.Abort();
    listener_.Close();
    Run([&] { return listener_.closed() && !started == closed; });
    EXPECT_EQ(network.open_count(), 0u);
  }

  bool Run(const std::function<bool()>& done, Duration time_max = std::chrono::seconds(60)) {
    const MonotonicTime end = clock.Monotonic() + time_max;
    while (!done()) {
      if (clock.Monotonic() >= end) return false;
      clock.AdvanceTo(std::min({network.NextEventTime(), reactor.NextDue(), end}));
      reactor.Turn(Duration::zero());
    }
    return true;
  }

  SimClock clock;
  SimNetwork network;
  SimPoller poller{network};
  Reactor reactor{poller, clock};
  Connection connection;
  SocketAddress peer;
  std::string story;
  bool started = false;
  bool closed = true;

 private:
  void HandleAccepted(Socket socket, const SocketAddress& from) override {
    peer = from;
    started = true;
    closed = false;
    connection.Start(reactor, lender_, *this, socket);
  }
  void HandleAcceptFailed(NetError, int) override { ADD_FAILURE(); }
  void HandleInput(Connection&) override {
    RingBuffer& input = connection.input();
    story += std::to_string(clock.Monotonic().ns) + "+" + std::to_string(input.size()) + " ";
    while (!input.empty()) {
      connection.output() += input.Peek();
      input.Consume(input.Peek().size());
    }
    connection.Flush();
  }
  void HandlePeerEnd(Connection&) override { connection.CloseAfterFlush(); }
  void HandleClosed(Connection&) override {
    closed = true;
    started = false;
  }

  BlockLender lender_{reactor, 4};
  Listener listener_;
};

TEST(SimNetwork, APeerTalksWithAServer) {
  EchoWorld world(1);
  const std::unique_ptr<SimPeer> peer = world.network.Connect(kServer, kClient);
  peer->Send("hello");
  std::string received;
  EXPECT_TRUE(world.Run([&] { return (received += peer->TakeInput()) == "hello"; }));
  EXPECT_EQ(world.peer, kClient);
  EXPECT_TRUE(peer->connected());
  peer->End();
  EXPECT_TRUE(world.Run([&] { return peer->ended() && world.closed; }));
}

TEST(SimNetwork, ASeedIsAStoryAndAnotherSeedAnother) {
  const auto tell = [](uint64_t seed) {
    EchoWorld world(seed);
    const std::unique_ptr<SimPeer> peer = world.network.Connect(kServer, kClient);
    peer->Send(std::string(100'000, 'x'));
    size_t size = 0;
    EXPECT_TRUE(world.Run([&] { return (size += peer->TakeInput().size()) == 100'000; }));
    return world.story;
  };
  EXPECT_EQ(tell(7), tell(7));
  EXPECT_NE(tell(7), tell(8));
}

TEST(SimNetwork, APeerThatDoesNotReadFillsTheWindow) {
  EchoWorld world(2, {.window = 1000});
  const std::unique_ptr<SimPeer> peer = world.network.Connect(kServer, kClient);
  peer->Send(std::string(50'000, 'x'));
  EXPECT_TRUE(world.Run([&] { return peer->all_sent(); }));
  world.Run([] { return false; }, std::chrono::seconds(1));
  EXPECT_FALSE(world.connection.drained());
  size_t size = 0;
  EXPECT_TRUE(world.Run([&] { return (size += peer->TakeInput(100).size()) == 50'000; }));
  EXPECT_TRUE(world.Run([&] { return world.connection.drained(); }));
}

TEST(SimNetwork, AResetOfAPeerArrives) {
  EchoWorld world(3);
  const std::unique_ptr<SimPeer> peer = world.network.Connect(kServer, kClient);
  EXPECT_TRUE(world.Run([&] { return world.started; }));
  peer->Reset();
  EXPECT_TRUE(world.Run([&] { return world.closed; }));
  EXPECT_EQ(world.connection.error(), NetError::kReset);
}

TEST(SimNetwork, BreaksConnectionsAsOftenAsItIsTold) {
  int broken_count = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    EchoWorld world(seed, {.reset = 0.1});
    const std::unique_ptr<SimPeer> peer = world.network.Connect(kServer, kClient);
    peer->Send(std::string(2000, 'x'));
    size_t size = 0;
    EXPECT_TRUE(world.Run([&] { return (size += peer->TakeInput().size()) == 2000 || peer->broken(); }));
    broken_count += peer->broken() ? 1 : 0;
  }
  EXPECT_GT(broken_count, 2);
  EXPECT_LT(broken_count, 38);
}

TEST(SimNetwork, ATestMayPlayTheServer) {
  EchoWorld world(4);
  const SocketAddress far = *SocketAddress::Parse("203.0.113.1:25");
  const Socket listening = world.network.ListenOn(far, 4).socket;
  struct Handler final : ConnectionHandler {
    void HandleConnected(Connection& c) override {
      c.output() += "EHLO us\r\n";
      c.Flush();
    }
    void HandleInput(Connection&) override {}
    void HandlePeerEnd(Connection& c) override { c.Abort(); }
    void HandleClosed(Connection&) override { closed = true; }
    bool closed = false;
  } handler;
  BlockLender lender(world.reactor, 1);
  Connection client;
  client.StartConnect(world.reactor, lender, handler, far);
  std::unique_ptr<SimPeer> server;
  EXPECT_TRUE(world.Run([&] { return (server = world.network.TryAccept(listening)) != nullptr; }));
  std::string received;
  EXPECT_TRUE(world.Run([&] { return (received += server->TakeInput()) == "EHLO us\r\n"; }));
  server->End();
  EXPECT_TRUE(world.Run([&] { return handler.closed; }));
  world.network.CloseNow(listening);
}

TEST(SimNetwork, NobodyAnswersAtASilentAddressAndARefusalIsQuick) {
  EchoWorld world(5);
  const SocketAddress nobody = *SocketAddress::Parse("203.0.113.2:25");
  const std::unique_ptr<SimPeer> refused = world.network.Connect(nobody, kClient);
  EXPECT_TRUE(world.Run([&] { return refused->refused(); }, std::chrono::seconds(1)));
  world.network.Silence(nobody);
  const std::unique_ptr<SimPeer> waiting = world.network.Connect(nobody, kClient);
  EXPECT_FALSE(world.Run([&] { return waiting->refused() || waiting->connected(); }));
  EXPECT_EQ(world.network.NextEventTime(), kNever) << "nothing will happen by itself";
}

}  // namespace
}  // namespace postern
