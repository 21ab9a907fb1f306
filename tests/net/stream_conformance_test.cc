// What a poller promises of connections, and of waiting itself.

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/net/poller_conformance.h"

namespace postern {
namespace {

class StreamConformance : public PollerConformance {};

TEST_P(StreamConformance, AwaitReadableTakesNothingAndThenTheBytesAreThere) {
  const auto [client, server] = Pair();
  Trip& await = StartOp(OpKind::kAwaitReadable, server);
  LetTimePass();
  EXPECT_FALSE(await.home) << "there is no input";
  SendAll(client, "hello");
  EXPECT_EQ(Home(await).result, 0);
  Trip& recv = StartRecv(server, 100);
  EXPECT_EQ(recv.memory[0], 'h') << "they are there when Start() returns";
  EXPECT_FALSE(recv.home);
  const size_t count = static_cast<size_t>(Home(recv).result);
  EXPECT_EQ(recv.memory.substr(0, count) + RecvAll(server, 5 - count), "hello");
  Close(client);
  EXPECT_EQ(Home(StartOp(OpKind::kAwaitReadable, server)).result, 0) << "the peer's end can be had too";
  EXPECT_EQ(Home(StartRecv(server, 1)).result, 0);
  Close(server);
}

TEST_P(StreamConformance, AReceiveOfAllThereIsLeavesNothingToAwait) {
  const auto [client, server] = Pair();
  SendAll(client, "12345678");
  EXPECT_EQ(RecvAll(server, 8), "12345678");
  Trip& await = StartOp(OpKind::kAwaitReadable, server);
  LetTimePass();
  EXPECT_FALSE(await.home);
  SendAll(client, "9");
  Home(await);
  Close({client, server});
}

TEST_P(StreamConformance, AReceiveWaitsForItsBytes) {
  const auto [client, server] = Pair();
  Trip& recv = StartRecv(server, 100);
  LetTimePass();
  EXPECT_FALSE(recv.home);
  SendAll(client, "late");
  EXPECT_GT(Home(recv).result, 0);
  Close({client, server});
}

TEST_P(StreamConformance, TheEndComesAfterAllBytesAndOneSideOnly) {
  const auto [client, server] = Pair();
  SendAll(client, "last words");
  world_.sockets().EndSend(client);
  EXPECT_EQ(RecvAll(server, 1000), "last words");
  EXPECT_EQ(Home(StartRecv(server, 1)).result, 0);
  SendAll(server, "answer");
  EXPECT_EQ(RecvAll(client, 6), "answer");
  Close({client, server});
}

TEST_P(StreamConformance, AResetIsTold) {
  const auto [client, server] = Pair();
  Trip& recv = StartRecv(server, 100);
  Break(client);
  EXPECT_EQ(Home(recv).error, NetError::kReset);
  EXPECT_EQ(recv.result, -1);
  Close(server);
}

TEST_P(StreamConformance, ASendWaitsForASlowPeerAndLosesNothing) {
  const auto [client, server] = Pair();
  // More than is held for a peer that does not read.
  std::string bytes(world_.simulated() ? 500'000 : 30'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  std::string_view left = bytes;
  Trip* send = nullptr;
  const auto send_more = [&, &sender = client] { send = &StartSend(sender, std::string(left.substr(0, 1'000'000))); };
  for (send_more(); LetTimePass(), send->home; send_more()) {
    left.remove_prefix(static_cast<size_t>(send->result));
    ASSERT_FALSE(left.empty());
  }
  std::string received;
  Trip* recv = &StartRecv(server, 50'000);
  while (received.size() < bytes.size()) {
    ASSERT_TRUE(Until([&] { return recv->home || (send->home && !left.empty()); }));
    if (send->home && !left.empty()) {
      ASSERT_GT(send->result, 0);
      left.remove_prefix(static_cast<size_t>(send->result));
      if (!left.empty()) send_more();
    }
    if (recv->home) {
      ASSERT_GT(recv->result, 0);
      received.append(recv->memory, 0, static_cast<size_t>(recv->result));
      recv = &StartRecv(server, 50'000);
    }
  }
  EXPECT_TRUE(received == bytes);
  Close({client, server});
}

TEST_P(StreamConformance, ASendToAPeerThatHasGoneFails) {
  const auto [client, server] = Pair();
  Close(server);
  NetError error = NetError::kNone;
  for (int i = 0; i < 1000 && error == NetError::kNone; ++i) {
    error = Home(StartSend(client, "is anybody there?")).error;
    LetTimePass();
  }
  EXPECT_EQ(error, NetError::kReset);
  Close(client);
}

TEST_P(StreamConformance, ACancelledOpComesHomeAndTakesNothing) {
  const auto [client, server] = Pair();
  Trip& recv = StartRecv(server, 100);
  world_.poller().Cancel(recv);
  EXPECT_FALSE(recv.home) << "not inside Cancel()";
  EXPECT_EQ(Home(recv).error, NetError::kCancelled);
  EXPECT_EQ(recv.result, -1);
  SendAll(client, "kept");
  EXPECT_EQ(RecvAll(server, 4), "kept");
  Close({client, server});
}

TEST_P(StreamConformance, AResultThatIsThereSurvivesCancel) {
  const auto [client, server] = Pair();
  Trip& send = StartSend(client, "x");
  world_.poller().Cancel(send);
  EXPECT_EQ(Home(send).result, 1);
  EXPECT_EQ(RecvAll(server, 1), "x");
  Close({client, server});
}

TEST_P(StreamConformance, CloseComesHomeLastAndTheOthersCancelled) {
  const auto [client, server] = Pair();
  for (bool stuck = false; !stuck;) {
    Trip& send = StartSend(client, std::string(1'000'000, 'x'));
    LetTimePass();
    stuck = !send.home;
  }
  Trip& send = trips_.back();
  Trip& recv = StartRecv(client, 10);
  Trip& close = StartOp(OpKind::kClose, client);
  EXPECT_FALSE(recv.home || send.home || close.home);
  Home(close);
  ASSERT_TRUE(recv.home && send.home);
  EXPECT_EQ(recv.error, NetError::kCancelled);
  EXPECT_EQ(send.error, NetError::kCancelled);
  EXPECT_EQ(order_.back(), &close);
  Close(server);
}

TEST_P(StreamConformance, CloseComesAfterAResultThatWasThere) {
  const auto [client, server] = Pair();
  Trip& send = StartSend(client, "x");
  Trip& close = StartOp(OpKind::kClose, client);
  Home(close);
  ASSERT_TRUE(send.home);
  EXPECT_EQ(send.result, 1);
  EXPECT_EQ(order_.back(), &close);
  Close(server);
}

TEST_P(StreamConformance, AHandleThatIsUsedAgainKnowsNothingOfItsPast) {
  std::set<intptr_t> seen;
  bool again = false;
  for (int i = 0; i < 10; ++i) {
    const auto [client, server] = Pair();
    again = again || seen.count(server.handle) > 0;
    seen.insert({client.handle, server.handle});
    Trip& recv = StartRecv(server, 100);
    LetTimePass();
    EXPECT_FALSE(recv.home) << "what was readable was the one before";
    SendAll(client, "a");
    EXPECT_EQ(Home(recv).result, 1);
    Trip& other = StartRecv(client, 100);
    // One end closes with input that nobody read, the other with a receive under way.
    SendAll(client, "unread");
    i % 2 == 0 ? Close(server) : Break(server);
    Close(client);
    EXPECT_TRUE(other.home);
  }
  EXPECT_TRUE(again);
}

TEST_P(StreamConformance, APollerThatEndsTouchesNoOp) {
  const auto [client, server] = Pair();
  const Socket listening = Listen();
  std::unique_ptr<Poller> ending = world_.MakePoller();
  constexpr int64_t kUntouched = 4711;
  Trip& await = StartOp(OpKind::kAwaitReadable, server, ending.get());
  Trip& accept = StartOp(OpKind::kAccept, listening, ending.get());
  await.result = accept.result = kUntouched;
  ending.reset();
  EXPECT_EQ(await.result, kUntouched) << "its owner may be gone by now";
  EXPECT_EQ(accept.result, kUntouched);
  for (const Socket socket : {server, listening}) world_.sockets().CloseNow(socket);
  Close(client);
}

TEST_P(StreamConformance, WakeEndsAWait) {
  world_.poller().Wake();
  const auto start = std::chrono::steady_clock::now();
  WaitOnce(world_.poller(), std::chrono::seconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
  EXPECT_TRUE(order_.empty());
}

TEST_P(StreamConformance, AWaitEndsWithItsTimeAndNotMuchLater) {
  if (world_.simulated()) return;  // there it never sleeps
  for (const Duration time : {Duration(std::chrono::microseconds(100)), Duration(std::chrono::milliseconds(30))}) {
    // The best of many: on a machine that has much to do a single one may come at any time.
    Duration best = Duration::max();
    for (int i = 0; i < 20; ++i) {
      const MonotonicTime start = world_.clock().Monotonic();
      WaitOnce(world_.poller(), time);
      const Duration slept = world_.clock().Monotonic() - start;
      EXPECT_GE(slept, time);
      best = std::min(best, slept);
    }
    EXPECT_LT(best, time + std::chrono::milliseconds(20));
  }
}

INSTANTIATE_TEST_SUITE_P(Worlds, StreamConformance, AllWorlds(), WorldName);

}  // namespace
}  // namespace postern
