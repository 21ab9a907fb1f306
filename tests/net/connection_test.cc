// Connections that talk to each other, over the system's loopback and over simulated networks.

#include "net/connection.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "core/limits.h"
#include "gtest/gtest.h"
#include "net/listener.h"
#include "tests/net/world.h"

namespace postern {
namespace {

// A connection and what happened to it. By default it takes all input as it comes.
struct End final : ConnectionHandler {
  void HandleConnected(Connection&) override { connected = true; }
  void HandleInput(Connection&) override {
    if (on_input) return on_input();
    Take();
  }
  void HandlePeerEnd(Connection&) override {
    peer_ended = true;
    if (on_peer_end) on_peer_end();
  }
  void HandleDrained(Connection&) override { ++drained_count; }
  void HandleClosed(Connection&) override {
    EXPECT_FALSE(closed);
    closed = true;
  }

  void Take() {
    RingBuffer& ring = connection.input();
    while (!ring.empty()) {
      received += ring.Peek();
      ring.Consume(ring.Peek().size());
    }
  }
  void Say(std::string_view bytes) {
    connection.output() += bytes;
    connection.Flush();
  }

  Connection connection;
  std::function<void()> on_input;
  std::function<void()> on_peer_end;
  std::string received;
  bool connected = false;
  bool peer_ended = false;
  bool closed = false;
  int drained_count = 0;
};

class ConnectionTest : public testing::TestWithParam<uint64_t>, protected ListenerHandler {
 protected:
  ConnectionTest() {
    const SocketResult result = world_.sockets().ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 128);
    EXPECT_TRUE(result.socket.valid()) << result.what;
    address_ = world_.sockets().LocalAddress(result.socket);
    listener_.Start(reactor_, *this, result.socket);
  }
  ~ConnectionTest() override {
    listener_.Close();
    EXPECT_TRUE(Until([&] { return listener_.closed(); }));
    EXPECT_EQ(lender_.pool().lent_count(), 0u);
  }

  void HandleAccepted(Socket socket, const SocketAddress&) override {
    accepting_->connection.Start(reactor_, *lender_for_accepted_, *accepting_, socket);
    accepting_ = nullptr;
  }
  void HandleAcceptFailed(NetError, int) override { ADD_FAILURE(); }

  bool Until(const std::function<bool()>& done) { return world_.TurnUntil(reactor_, done); }
  void LetTimePass(Duration time = std::chrono::milliseconds(50)) { world_.TurnFor(reactor_, time); }

  void Connect(End& client, End& server) {
    accepting_ = &server;
    client.connection.StartConnect(reactor_, lender_, client, address_);
    EXPECT_TRUE(Until([&] { return client.connected && accepting_ == nullptr; }));
  }
  void Finish(End& client, End& server) {
    for (End* end : {&client, &server}) end->connection.Abort();
    EXPECT_TRUE(Until([&] { return client.closed && server.closed; }));
  }

  static std::string Pattern(size_t size) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 257);
    return bytes;
  }

  World world_{GetParam()};
  Reactor reactor_{world_.poller(), world_.clock()};
  BlockLender lender_{reactor_, 4};
  BlockLender* lender_for_accepted_ = &lender_;
  Listener listener_;
  SocketAddress address_;
  End* accepting_ = nullptr;
};

TEST_P(ConnectionTest, CarriesBytesBothWays) {
  End client, server;
  Connect(client, server);
  server.on_input = [&] {
    const size_t before = server.received.size();
    server.Take();
    server.Say(std::string_view(server.received).substr(before));
  };
  const std::string bytes = Pattern(1'000'000);
  client.Say(bytes);
  EXPECT_TRUE(Until([&] { return client.received.size() == bytes.size(); }));
  EXPECT_TRUE(client.received == bytes);
  EXPECT_TRUE(Until([&] { return client.connection.drained(); }));
  EXPECT_GT(client.drained_count, 0);
  Finish(client, server);
}

TEST_P(ConnectionTest, HoldsMemoryOnlyWhileThereIsInput) {
  End client, server;
  Connect(client, server);
  EXPECT_EQ(lender_.pool().lent_count(), 0u);
  server.on_input = [] {};  // left in the ring
  client.Say("half a line");
  EXPECT_TRUE(Until([&] { return server.connection.input().size() == 11; }));
  EXPECT_EQ(lender_.pool().lent_count(), 1u);
  LetTimePass();
  server.Take();
  server.connection.Resume();
  EXPECT_EQ(lender_.pool().lent_count(), 0u) << "although the next input is awaited already";
  server.on_input = nullptr;
  client.Say("!");
  EXPECT_TRUE(Until([&] { return server.received == "half a line!"; }));
  Finish(client, server);
}

TEST_P(ConnectionTest, AHandlerThatTakesNothingSlowsThePeer) {
  End client, server;
  Connect(client, server);
  server.on_input = [] {};
  const std::string bytes = Pattern(world_.simulated() ? 3'000'000 : 30'000'000);
  client.Say(bytes);
  EXPECT_TRUE(
      Until([&] { return server.connection.input().free_size() == 0 && server.connection.input().size() > 0; }));
  LetTimePass();
  EXPECT_EQ(server.connection.input().size(), kBlockSize);
  EXPECT_FALSE(client.connection.drained());
  server.on_input = nullptr;
  server.Take();
  server.connection.Resume();
  EXPECT_TRUE(Until([&] { return server.received.size() >= 2'000'000; }));
  EXPECT_TRUE(server.received == bytes.substr(0, server.received.size()));
  Finish(client, server);
}

// A receipt makes a handler go on at any time, also while a receive has happened and is on its way home.
TEST_P(ConnectionTest, WhatIsTakenBetweenTwoTurnsLeavesNewInputInItsPlace) {
  End client, server;
  Connect(client, server);
  server.on_input = [] {};
  struct Taker final : TurnHook {
    explicit Taker(End& end) : end(end) {}
    void RunTurn() override {
      RingBuffer& ring = end.connection.input();
      if (random() % 2 == 0 && ring.wrapped()) ring.TryStraighten();
      size_t left = random() % (ring.size() + 1);
      if (random() % 2 == 0) left = ring.size();
      while (left > 0) {
        const std::string_view run = ring.Peek().substr(0, left);
        end.received += run;
        left -= run.size();
        ring.Consume(run.size());
      }
      end.connection.Resume();
    }
    bool HasWork() const override { return !end.connection.input().empty(); }
    End& end;
    std::mt19937 random{GetParam() == 0 ? 4711u : static_cast<unsigned>(GetParam())};
  } taker(server);
  reactor_.AddHook(taker);
  const std::string bytes = Pattern(600'000);
  std::mt19937 random(7);
  for (size_t sent = 0; sent < bytes.size();) {
    const size_t size = std::min<size_t>(1 + random() % 20'000, bytes.size() - sent);
    client.Say(bytes.substr(sent, size));
    sent += size;
    reactor_.Turn(Duration::zero());
  }
  EXPECT_TRUE(Until([&] { return server.received.size() == bytes.size(); }));
  EXPECT_TRUE(server.received == bytes);
  reactor_.RemoveHook(taker);
  Finish(client, server);
}

TEST_P(ConnectionTest, EndsInOrderWhenAllIsSent) {
  End client, server;
  Connect(client, server);
  client.on_peer_end = [&] { client.connection.CloseAfterFlush(); };
  const std::string bytes = Pattern(500'000);
  server.connection.output() = bytes;
  server.connection.CloseAfterFlush();
  EXPECT_TRUE(Until([&] { return server.closed && client.closed; }));
  EXPECT_TRUE(client.received == bytes);
  EXPECT_TRUE(client.peer_ended);
  EXPECT_EQ(server.connection.error(), NetError::kNone);
  EXPECT_EQ(client.connection.error(), NetError::kNone);
}

TEST_P(ConnectionTest, WhoSaidThatItIsDoneIsNotWaitedFor) {
  End client, server;
  Connect(client, server);
  const std::string bytes = Pattern(500'000);
  server.connection.output() = bytes;
  server.connection.NotePeerEnd();
  server.connection.CloseAfterFlush();
  EXPECT_TRUE(Until([&] { return server.closed && client.peer_ended; }));
  EXPECT_FALSE(client.closed);
  EXPECT_TRUE(client.received == bytes);
  EXPECT_EQ(server.connection.error(), NetError::kNone);
  client.connection.Abort();
  EXPECT_TRUE(Until([&] { return client.closed; }));
}

// A client that is refused in the middle of a long message reads why, although nobody reads the rest of it.
TEST_P(ConnectionTest, LastWordsSurviveInputThatNobodyReads) {
  End client, server;
  Connect(client, server);
  server.on_input = [&] {
    server.connection.output() += "521 no more\r\n";
    server.connection.CloseAfterFlush();
    server.on_input = [] { ADD_FAILURE() << "what comes afterwards is thrown away"; };
  };
  client.Say(Pattern(3'000'000));
  EXPECT_TRUE(Until([&] { return client.peer_ended || client.closed; }));
  EXPECT_EQ(client.received, "521 no more\r\n");
  EXPECT_FALSE(client.closed);
  EXPECT_TRUE(Until([&] { return client.connection.drained() || client.closed; }));
  client.connection.CloseAfterFlush();
  EXPECT_TRUE(Until([&] { return server.closed && client.closed; }));
  EXPECT_EQ(server.connection.error(), NetError::kNone);
}

TEST_P(ConnectionTest, APeerThatDoesNotEndIsNotWaitedForLong) {
  End client, server;
  Connect(client, server);
  server.connection.output() = "221 bye\r\n";
  server.connection.CloseAfterFlush();
  const MonotonicTime start = world_.clock().Monotonic();
  EXPECT_TRUE(Until([&] { return server.closed; }));
  EXPECT_GE(world_.clock().Monotonic() - start, kLingerTimeMax / 2);
  EXPECT_EQ(client.received, "221 bye\r\n");
  Finish(client, server);
}

TEST_P(ConnectionTest, AnAbortMayBreakTheConnection) {
  End client, server;
  Connect(client, server);
  server.connection.Abort(/*reset=*/true);
  EXPECT_FALSE(server.closed) << "not inside the call";
  EXPECT_TRUE(Until([&] { return server.closed && client.closed; }));
  EXPECT_EQ(client.connection.error(), NetError::kReset);
  EXPECT_EQ(server.connection.error(), NetError::kNone);
}

TEST_P(ConnectionTest, ConnectFailsWithAReasonAndNotInsideTheCall) {
  const Socket gone = world_.sockets().ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 1).socket;
  const SocketAddress nobody = world_.sockets().LocalAddress(gone);
  world_.sockets().CloseNow(gone);
  End client;
  client.connection.StartConnect(reactor_, lender_, client, nobody);
  EXPECT_FALSE(client.closed);
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_FALSE(client.connected);
  EXPECT_EQ(client.connection.error(), NetError::kRefused);

  End other;
  other.connection.StartConnect(reactor_, lender_, other, SocketAddress::Unix(std::string(300, 'x')));
  EXPECT_FALSE(other.closed);
  EXPECT_TRUE(Until([&] { return other.closed; }));
  EXPECT_NE(other.connection.error(), NetError::kNone);
}

TEST_P(ConnectionTest, AConnectMayBeGivenUp) {
  End client;
  End server;
  accepting_ = &server;
  client.connection.StartConnect(reactor_, lender_, client, address_);
  client.connection.Abort();
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_FALSE(client.connected);
  LetTimePass();
  if (accepting_ == nullptr) Finish(client, server);
}

TEST_P(ConnectionTest, MayBeUsedAgain) {
  End client, server;
  for (int i = 0; i < 3; ++i) {
    client.connected = client.closed = server.closed = false;
    server.received.clear();
    Connect(client, server);
    client.Say("hello");
    EXPECT_TRUE(Until([&] { return server.received == "hello"; }));
    i % 2 == 0 ? client.connection.Abort(true) : client.connection.CloseAfterFlush();
    EXPECT_TRUE(Until([&] { return server.closed || server.peer_ended; }));
    server.peer_ended = false;
    Finish(client, server);
  }
}

TEST_P(ConnectionTest, TooFewBlocksAreSharedByTurns) {
  constexpr size_t kPairs = 12;  // for four blocks
  End clients[kPairs], servers[kPairs];
  const std::string bytes = Pattern(200'000);
  for (size_t i = 0; i < kPairs; ++i) Connect(clients[i], servers[i]);
  for (End& client : clients) client.Say(bytes);
  EXPECT_TRUE(Until([&] {
    return std::all_of(std::begin(servers), std::end(servers),
                       [&](const End& s) { return s.received.size() == bytes.size(); });
  }));
  for (const End& server : servers) EXPECT_TRUE(server.received == bytes);
  for (size_t i = 0; i < kPairs; ++i) Finish(clients[i], servers[i]);
}

// Reads whole lines, as a conversation does.
void ServeLines(End& end) {
  end.on_input = [&end] {
    RingBuffer& ring = end.connection.input();
    for (;;) {
      const size_t lf = ring.Peek().find('\n');
      if (lf == std::string_view::npos) return end.connection.AwaitMore();
      end.received += ring.Peek().substr(0, lf + 1);
      ring.Consume(lf + 1);
    }
  };
}

TEST_P(ConnectionTest, HalfLinesHoldNoBlocks) {
  constexpr size_t kPairs = 50;  // for two blocks
  BlockLender few(reactor_, 2);
  lender_for_accepted_ = &few;
  End clients[kPairs], servers[kPairs];
  for (size_t i = 0; i < kPairs; ++i) {
    Connect(clients[i], servers[i]);
    ServeLines(servers[i]);
    clients[i].Say("MAI");
  }
  LetTimePass();
  EXPECT_EQ(few.pool().lent_count(), 0u);
  End good, its_server;
  Connect(good, its_server);
  ServeLines(its_server);
  const std::string lines = "NOOP\r\nthe second line\r\n";
  good.Say(lines);
  EXPECT_TRUE(Until([&] { return its_server.received == lines; }));

  // What was put aside comes before what follows it, however often.
  for (const std::string_view more : {"L F", "ROM:<>\r\nQUI", "T\r\n"}) {
    for (End& client : clients) client.Say(more);
    LetTimePass();
    EXPECT_EQ(few.pool().lent_count(), 0u);
    for (End& server : servers) EXPECT_TRUE(server.connection.input().empty());
  }
  for (const End& server : servers) EXPECT_EQ(server.received, "MAIL FROM:<>\r\nQUIT\r\n");
  for (size_t i = 0; i < kPairs; ++i) Finish(clients[i], servers[i]);
  Finish(good, its_server);
  EXPECT_EQ(few.pool().lent_count(), 0u);
}

TEST_P(ConnectionTest, HalfALineIsThereWhenThePeerEnds) {
  End client, server;
  Connect(client, server);
  ServeLines(server);
  client.Say("QUI");
  LetTimePass();
  EXPECT_TRUE(server.connection.input().empty());
  server.on_peer_end = [&] { server.Take(); };
  client.connection.CloseAfterFlush();
  EXPECT_TRUE(Until([&] { return server.peer_ended; }));
  EXPECT_EQ(server.received, "QUI");
  server.connection.CloseAfterFlush();
  EXPECT_TRUE(Until([&] { return client.closed && server.closed; }));
}

TEST_P(ConnectionTest, HalfALineIsForgottenWithItsConnection) {
  End client, server;
  for (int i = 0; i < 2; ++i) {
    client.closed = server.closed = client.connected = false;
    Connect(client, server);
    ServeLines(server);
    server.received.clear();
    client.Say(i == 0 ? "half" : "whole\n");
    LetTimePass();
    EXPECT_EQ(server.received, i == 0 ? "" : "whole\n");
    Finish(client, server);
  }
}

// Only little is put aside: nobody's half line is longer, and to copy more would cost more than it gives.
TEST_P(ConnectionTest, MuchInputStaysInItsBlock) {
  End client, server;
  Connect(client, server);
  server.on_input = [&] { server.connection.AwaitMore(); };
  client.Say(Pattern(kCommandLineSizeMax + 1));
  EXPECT_TRUE(Until([&] { return server.connection.input().size() == kCommandLineSizeMax + 1; }));
  LetTimePass();
  EXPECT_EQ(server.connection.input().size(), kCommandLineSizeMax + 1);
  server.Take();
  EXPECT_TRUE(server.received == Pattern(kCommandLineSizeMax + 1));
  Finish(client, server);
}

TEST_P(ConnectionTest, WhoWaitsForABlockMayLeave) {
  End clients[6], servers[6];
  for (size_t i = 0; i < 6; ++i) Connect(clients[i], servers[i]);
  for (End& server : servers) server.on_input = [] {};
  for (End& client : clients) client.Say("x");
  EXPECT_TRUE(Until([&] { return lender_.pool().lent_count() == 4; }));
  LetTimePass();
  for (End& server : servers) {
    if (server.connection.input().empty()) server.connection.Abort();
  }
  LetTimePass();
  for (size_t i = 0; i < 6; ++i) Finish(clients[i], servers[i]);
}

INSTANTIATE_TEST_SUITE_P(Worlds, ConnectionTest, AllWorlds(), WorldName);

}  // namespace
}  // namespace postern
