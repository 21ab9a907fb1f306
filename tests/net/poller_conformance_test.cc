// What net/poller.h promises, asked of the system's poller and of the simulator's.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/host.h"
#include "net/poller.h"
#include "tests/net/world.h"

namespace postern {
namespace {

class PollerConformance : public testing::TestWithParam<uint64_t> {
 protected:
  // An op with memory of its own, on its way.
  struct Trip {
    Op op;
    std::string memory;
    bool home = false;
  };

  Trip& Prepare(OpKind kind, Socket socket, Poller* poller = nullptr) {
    Trip& trip = trips_.emplace_back();
    trip.op.kind = kind;
    trip.op.socket = socket;
    pollers_[&trip.op] = poller == nullptr ? &world_.poller() : poller;
    return trip;
  }
  Trip& Start(Trip& trip) {
    EXPECT_FALSE(trip.home);
    pollers_[&trip.op]->Start(trip.op);
    return trip;
  }
  Trip& StartOp(OpKind kind, Socket socket, Poller* poller = nullptr) { return Start(Prepare(kind, socket, poller)); }
  Trip& StartRecv(Socket socket, size_t size) {
    Trip& trip = Prepare(OpKind::kRecv, socket);
    trip.memory.resize(size);
    trip.op.recv_bytes = trip.memory;
    return Start(trip);
  }
  Trip& StartSend(Socket socket, std::string bytes) {
    Trip& trip = Prepare(OpKind::kSend, socket);
    trip.memory = std::move(bytes);
    trip.op.send_bytes = trip.memory;
    return Start(trip);
  }
  Trip& StartConnect(Socket socket, const SocketAddress& to) {
    Trip& trip = Prepare(OpKind::kConnect, socket);
    trip.op.peer = to;
    return Start(trip);
  }

  // One Wait() of a poller; whoever came home is told so.
  void WaitOnce(Poller& poller, Duration timeout_max) {
    std::vector<Op*> done;
    poller.Wait(timeout_max, done);
    for (Op* op : done) {
      const auto trip = std::find_if(trips_.begin(), trips_.end(), [op](const Trip& t) { return &t.op == op; });
      ASSERT_NE(trip, trips_.end());
      EXPECT_FALSE(trip->home) << "it came home twice";
      trip->home = true;
      order_.push_back(op);
    }
  }
  bool Until(const std::function<bool()>& done) {
    return world_.Until(done, [this](Duration timeout_max) { WaitOnce(world_.poller(), timeout_max); });
  }
  Op& Home(Trip& trip) {
    EXPECT_TRUE(Until([&] { return trip.home; })) << "it never came home";
    return trip.op;
  }
  // Long enough for whatever would happen by mistake.
  void LetTimePass() {
    const MonotonicTime end = world_.clock().Monotonic() + std::chrono::milliseconds(50);
    world_.Until([&] { return world_.clock().Monotonic() >= end; },
                 [this](Duration timeout_max) { WaitOnce(world_.poller(), timeout_max); }, [end] { return end; });
  }

  Socket Listen(const SocketAddress& address = *SocketAddress::Parse("127.0.0.1:0")) {
    const SocketResult result = world_.sockets().ListenOn(address, 128);
    EXPECT_TRUE(result.socket.valid()) << result.what;
    return result.socket;
  }
  Socket Connect(const SocketAddress& to) {
    const SocketResult made = world_.sockets().MakeFor(to);
    EXPECT_TRUE(made.socket.valid()) << made.what;
    EXPECT_EQ(Home(StartConnect(made.socket, to)).error, NetError::kNone);
    return made.socket;
  }
  // Both ends of a connection.
  std::pair<Socket, Socket> Pair() {
    const Socket listening = Listen();
    Trip& accept = StartOp(OpKind::kAccept, listening);
    const Socket client = Connect(world_.sockets().LocalAddress(listening));
    const Socket server = Home(accept).accepted;
    Close(listening);
    return {client, server};
  }
  void Close(Socket socket) { EXPECT_EQ(Home(StartOp(OpKind::kClose, socket)).error, NetError::kNone); }
  void Break(Socket socket) {
    Trip& close = Prepare(OpKind::kClose, socket);
    close.op.reset = true;
    Home(Start(close));
  }

  void SendAll(Socket socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const Op& op = Home(StartSend(socket, std::string(bytes)));
      ASSERT_GT(op.result, 0);
      bytes.remove_prefix(static_cast<size_t>(op.result));
    }
  }
  std::string RecvAll(Socket socket, size_t size) {
    std::string bytes;
    while (bytes.size() < size) {
      Trip& trip = StartRecv(socket, size - bytes.size());
      const int64_t count = Home(trip).result;
      if (count <= 0) break;
      bytes.append(trip.memory, 0, static_cast<size_t>(count));
    }
    return bytes;
  }

  World world_{GetParam()};
  std::deque<Trip> trips_;
  std::map<Op*, Poller*> pollers_;
  std::vector<Op*> order_;  // in which they came home
};

TEST_P(PollerConformance, AcceptTellsWhoConnected) {
  const Socket listening = Listen();
  Trip& accept = StartOp(OpKind::kAccept, listening);
  const Socket client = Connect(world_.sockets().LocalAddress(listening));
  const Op& accepted = Home(accept);
  ASSERT_TRUE(accepted.accepted.valid());
  EXPECT_EQ(accepted.peer, world_.sockets().LocalAddress(client));
  for (const Socket socket : {listening, client, accepted.accepted}) Close(socket);
}

TEST_P(PollerConformance, ABoundSocketConnectsFromItsAddress) {
  const Socket listening = Listen();
  const SocketAddress address = world_.sockets().LocalAddress(listening);
  std::vector<Socket> sockets = {listening};
  for (const char* from : {"127.0.0.1", "127.9.8.7", "127.9.8.7"}) {
    Trip& accept = StartOp(OpKind::kAccept, listening);
    const SocketResult made = world_.sockets().MakeBoundFor(address, *IpAddress::Parse(from));
    ASSERT_TRUE(made.socket.valid()) << made.what;
    EXPECT_EQ(Home(StartConnect(made.socket, address)).error, NetError::kNone);
    const Op& accepted = Home(accept);
    EXPECT_EQ(accepted.peer.ip, *IpAddress::Parse(from));
    EXPECT_NE(accepted.peer.port, 0);
    EXPECT_EQ(accepted.peer, world_.sockets().LocalAddress(made.socket));
    sockets.insert(sockets.end(), {made.socket, accepted.accepted});
  }
  for (const Socket socket : sockets) Close(socket);
}

TEST_P(PollerConformance, ConnectIsRefusedWhereNobodyListens) {
  const Socket listening = Listen();
  const SocketAddress address = world_.sockets().LocalAddress(listening);
  Close(listening);
  const Socket client = world_.sockets().MakeFor(address).socket;
  const Op& op = Home(StartConnect(client, address));
  EXPECT_EQ(op.result, -1);
  EXPECT_EQ(op.error, NetError::kRefused);
  Close(client);
}

TEST_P(PollerConformance, ABurstOfConnectionsIsAccepted) {
  const Socket listening = Listen();
  const SocketAddress address = world_.sockets().LocalAddress(listening);
  std::vector<Socket> sockets = {listening};
  for (int i = 0; i < 40; ++i) {
    sockets.push_back(world_.sockets().MakeFor(address).socket);
    StartConnect(sockets.back(), address);
  }
  for (int i = 0; i < 40; ++i) sockets.push_back(Home(StartOp(OpKind::kAccept, listening)).accepted);
  for (const Socket socket : sockets) Close(socket);
}

TEST_P(PollerConformance, AwaitReadableTakesNothingAndThenTheBytesAreThere) {
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

TEST_P(PollerConformance, AReceiveOfAllThereIsLeavesNothingToAwait) {
  const auto [client, server] = Pair();
  SendAll(client, "12345678");
  EXPECT_EQ(RecvAll(server, 8), "12345678");
  Trip& await = StartOp(OpKind::kAwaitReadable, server);
  LetTimePass();
  EXPECT_FALSE(await.home);
  SendAll(client, "9");
  Home(await);
  Close(client);
  Close(server);
}

TEST_P(PollerConformance, AReceiveWaitsForItsBytes) {
  const auto [client, server] = Pair();
  Trip& recv = StartRecv(server, 100);
  LetTimePass();
  EXPECT_FALSE(recv.home);
  SendAll(client, "late");
  EXPECT_GT(Home(recv).result, 0);
  Close(client);
  Close(server);
}

TEST_P(PollerConformance, TheEndComesAfterAllBytesAndOneSideOnly) {
  const auto [client, server] = Pair();
  SendAll(client, "last words");
  world_.sockets().EndSend(client);
  EXPECT_EQ(RecvAll(server, 1000), "last words");
  EXPECT_EQ(Home(StartRecv(server, 1)).result, 0);
  SendAll(server, "answer");
  EXPECT_EQ(RecvAll(client, 6), "answer");
  Close(client);
  Close(server);
}

TEST_P(PollerConformance, AResetIsTold) {
  const auto [client, server] = Pair();
  Trip& recv = StartRecv(server, 100);
  Break(client);
  EXPECT_EQ(Home(recv).error, NetError::kReset);
  EXPECT_EQ(recv.op.result, -1);
  Close(server);
}

TEST_P(PollerConformance, ASendWaitsForASlowPeerAndLosesNothing) {
  const auto [client, server] = Pair();
  std::string bytes(world_.simulated() ? 500'000 : 30'000'000,
                    '\0');  // more than is held for a peer that does not read
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  std::string_view left = bytes;
  Trip* send = nullptr;
  const auto send_more = [&, &sender = client] { send = &StartSend(sender, std::string(left.substr(0, 1'000'000))); };
  for (send_more(); LetTimePass(), send->home; send_more()) {
    left.remove_prefix(static_cast<size_t>(send->op.result));
    ASSERT_FALSE(left.empty());
  }
  std::string received;
  Trip* recv = &StartRecv(server, 50'000);
  while (received.size() < bytes.size()) {
    ASSERT_TRUE(Until([&] { return recv->home || (send->home && !left.empty()); }));
    if (send->home && !left.empty()) {
      ASSERT_GT(send->op.result, 0);
      left.remove_prefix(static_cast<size_t>(send->op.result));
      if (!left.empty()) send_more();
    }
    if (recv->home) {
      ASSERT_GT(recv->op.result, 0);
      received.append(recv->memory, 0, static_cast<size_t>(recv->op.result));
      recv = &StartRecv(server, 50'000);
    }
  }
  EXPECT_TRUE(received == bytes);
  Close(client);
  Close(server);
}

TEST_P(PollerConformance, ASendToAPeerThatHasGoneFails) {
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

TEST_P(PollerConformance, ACancelledOpComesHomeAndTakesNothing) {
  const auto [client, server] = Pair();
  Trip& recv = StartRecv(server, 100);
  world_.poller().Cancel(recv.op);
  EXPECT_FALSE(recv.home) << "not inside Cancel()";
  EXPECT_EQ(Home(recv).error, NetError::kCancelled);
  EXPECT_EQ(recv.op.result, -1);
  SendAll(client, "kept");
  EXPECT_EQ(RecvAll(server, 4), "kept");
  Close(client);
  Close(server);
}

TEST_P(PollerConformance, AResultThatIsThereSurvivesCancel) {
  const auto [client, server] = Pair();
  Trip& send = StartSend(client, "x");
  world_.poller().Cancel(send.op);
  EXPECT_EQ(Home(send).result, 1);
  EXPECT_EQ(RecvAll(server, 1), "x");
  Close(client);
  Close(server);
}

TEST_P(PollerConformance, CloseComesHomeLastAndTheOthersCancelled) {
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
  EXPECT_EQ(recv.op.error, NetError::kCancelled);
  EXPECT_EQ(send.op.error, NetError::kCancelled);
  EXPECT_EQ(order_.back(), &close.op);
  Close(server);
}

TEST_P(PollerConformance, CloseComesAfterAResultThatWasThere) {
  const auto [client, server] = Pair();
  Trip& send = StartSend(client, "x");
  Trip& close = StartOp(OpKind::kClose, client);
  Home(close);
  ASSERT_TRUE(send.home);
  EXPECT_EQ(send.op.result, 1);
  EXPECT_EQ(order_.back(), &close.op);
  Close(server);
}

TEST_P(PollerConformance, CloseEndsAConnectAndAnAccept) {
  const Socket listening = Listen();
  const SocketAddress address = world_.sockets().LocalAddress(listening);
  Trip& accept = StartOp(OpKind::kAccept, listening);
  Close(listening);
  EXPECT_TRUE(accept.home);
  EXPECT_EQ(accept.op.error, NetError::kCancelled);
  const Socket client = world_.sockets().MakeFor(address).socket;
  Trip& connect = StartConnect(client, address);
  Close(client);
  EXPECT_TRUE(connect.home);
}

TEST_P(PollerConformance, AHandleThatIsUsedAgainKnowsNothingOfItsPast) {
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

TEST_P(PollerConformance, APollerThatEndsTouchesNoOp) {
  const auto [client, server] = Pair();
  const Socket listening = Listen();
  std::unique_ptr<Poller> ending = world_.MakePoller();
  constexpr int64_t kUntouched = 4711;
  Op& await = StartOp(OpKind::kAwaitReadable, server, ending.get()).op;
  Op& accept = StartOp(OpKind::kAccept, listening, ending.get()).op;
  await.result = accept.result = kUntouched;
  ending.reset();
  EXPECT_EQ(await.result, kUntouched) << "its owner may be gone by now";
  EXPECT_EQ(accept.result, kUntouched);
  for (const Socket socket : {server, listening}) world_.sockets().CloseNow(socket);
  Close(client);
}

TEST_P(PollerConformance, WakeEndsAWait) {
  world_.poller().Wake();
  const auto start = std::chrono::steady_clock::now();
  WaitOnce(world_.poller(), std::chrono::seconds(30));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
  EXPECT_TRUE(order_.empty());
}

TEST_P(PollerConformance, AWaitEndsWithItsTimeAndNotMuchLater) {
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

TEST_P(PollerConformance, AnAddressIsOwnedByOne) {
  Sockets& sockets = world_.sockets();
  for (const auto& [held, wanted] : {std::pair("127.0.0.1:0", "127.0.0.1"), std::pair("0.0.0.0:0", "127.0.0.1"),
                                     std::pair("127.0.0.1:0", "0.0.0.0"), std::pair("[::1]:0", "::")}) {
    const Socket listening = Listen(*SocketAddress::Parse(held));
    SocketAddress address = sockets.LocalAddress(listening);
    address.ip = *IpAddress::Parse(wanted);
    const SocketResult refused = sockets.ListenOn(address, 1);
    EXPECT_FALSE(refused.socket.valid()) << held << " and " << wanted;
    EXPECT_EQ(refused.error, NetError::kAddressInUse);
    EXPECT_NE(refused.what, "");
    Close(listening);
    const SocketResult free = sockets.ListenOn(address, 1);
    EXPECT_TRUE(free.socket.valid()) << wanted << ": " << free.what;
    sockets.CloseNow(free.socket);
  }
}

TEST_P(PollerConformance, BothWildcardsMayBeOwnedAtOnce) {
  const Socket six = Listen(*SocketAddress::Parse("[::]:0"));
  SocketAddress address = world_.sockets().LocalAddress(six);
  address.ip = *IpAddress::Parse("0.0.0.0");
  const Socket four = Listen(address);
  Close(six);
  Close(four);
}

TEST_P(PollerConformance, ADuplicateSharesTheConnectionsWithAnotherPoller) {
  const std::unique_ptr<Poller> second = world_.MakePoller();
  const Socket listening = Listen();
  const SocketAddress address = world_.sockets().LocalAddress(listening);
  const Socket copy = world_.sockets().Duplicate(listening).socket;
  ASSERT_TRUE(copy.valid());
  EXPECT_EQ(world_.sockets().LocalAddress(copy), address);

  Trip* mine = &StartOp(OpKind::kAccept, listening);
  Trip* theirs = &StartOp(OpKind::kAccept, copy, second.get());
  size_t accepted_count = 0;
  size_t theirs_count = 0;
  const auto look = [&] {
    WaitOnce(world_.poller(), Duration::zero());
    WaitOnce(*second, Duration::zero());
    for (Trip** trip : {&mine, &theirs}) {
      if (!(*trip)->home) continue;
      ++accepted_count;
      if (trip == &theirs) ++theirs_count;
      world_.sockets().CloseNow((*trip)->op.accepted);
      *trip = trip == &mine ? &StartOp(OpKind::kAccept, listening) : &StartOp(OpKind::kAccept, copy, second.get());
    }
    return false;
  };
  const auto connect = [&](size_t count) {
    std::vector<Socket> clients;
    for (size_t i = 0; i < count; ++i) {
      clients.push_back(world_.sockets().MakeFor(address).socket);
      StartConnect(clients.back(), address);
    }
    return clients;
  };

  std::vector<Socket> clients = connect(50);
  EXPECT_TRUE(world_.Until([&] { return look(), accepted_count == 50; }, [](Duration) {}));
  EXPECT_GT(theirs_count, 0u) << "both have had some";
  // One of the two leaves: the other goes on, and nobody hears of the handle that is gone.
  Trip& close = StartOp(OpKind::kClose, copy, second.get());
  EXPECT_TRUE(world_.Until([&] { return WaitOnce(*second, Duration::zero()), close.home; }, [](Duration) {}));
  EXPECT_EQ(theirs->op.error, NetError::kCancelled);
  accepted_count = 0;
  theirs = &Prepare(OpKind::kAccept, copy);
  const std::vector<Socket> more = connect(5);
  clients.insert(clients.end(), more.begin(), more.end());
  EXPECT_TRUE(world_.Until([&] { return look(), accepted_count == 5; }, [](Duration) {}));
  clients.push_back(listening);
  for (const Socket socket : clients) Close(socket);
}

TEST_P(PollerConformance, AUnixSocketIsASocketOrRefusedInWords) {
  const SocketAddress address = SocketAddress::Unix(absl::StrCat("/tmp/postern_poller_", ProcessId(), ".sock"));
  if (!world_.simulated() && !SystemHasUnixSockets()) {
    for (const SocketResult& refused : {world_.sockets().ListenOn(address, 1), world_.sockets().MakeFor(address)}) {
      EXPECT_FALSE(refused.socket.valid());
      EXPECT_TRUE(absl::StrContains(refused.what, "UNIX sockets")) << refused.what;
    }
    return;
  }
  const Socket listening = Listen(address);
  EXPECT_EQ(world_.sockets().LocalAddress(listening), address);
  Trip& accept = StartOp(OpKind::kAccept, listening);
  const Socket client = Connect(address);
  const Socket server = Home(accept).accepted;
  SendAll(client, "over the file");
  EXPECT_EQ(RecvAll(server, 13), "over the file");
  EXPECT_EQ(world_.sockets().ListenOn(address, 1).error, NetError::kAddressInUse) << "somebody lives there";
  for (const Socket socket : {client, server, listening}) Close(socket);
  EXPECT_EQ(Home(StartConnect(world_.sockets().MakeFor(address).socket, address)).error, NetError::kRefused);
  Close(trips_.back().op.socket);
  Close(Listen(address));  // the dead one makes room
  std::remove(address.path.c_str());
}

TEST_P(PollerConformance, AUnixPathThatIsTooLongIsRefused) {
  const SocketAddress address = SocketAddress::Unix("/tmp/" + std::string(200, 'x'));
  const SocketResult refused = world_.sockets().ListenOn(address, 1);
  EXPECT_FALSE(refused.socket.valid());
  EXPECT_NE(refused.what, "");
  EXPECT_FALSE(world_.sockets().MakeFor(address).socket.valid());
}

// Two sockets that send each other datagrams; none in a simulation, which has no datagrams and says so.
class DatagramConformance : public PollerConformance {
 protected:
  std::pair<Socket, Socket> DatagramPair() {
    const SocketAddress loopback = *SocketAddress::Parse("127.0.0.1:9");
    const SocketResult first = world_.sockets().MakeDatagramFor(loopback);
    if (world_.simulated()) {
      EXPECT_FALSE(first.socket.valid());
      EXPECT_NE(first.what, "");
      return {};
    }
    EXPECT_TRUE(first.socket.valid()) << first.what;
    // The first has an address once it is connected to anywhere.
    EXPECT_EQ(Home(StartConnect(first.socket, loopback)).error, NetError::kNone);
    const SocketAddress first_address = world_.sockets().LocalAddress(first.socket);
    const Socket second = world_.sockets().MakeDatagramFor(first_address).socket;
    EXPECT_EQ(Home(StartConnect(second, first_address)).error, NetError::kNone);
    EXPECT_EQ(Home(StartConnect(first.socket, world_.sockets().LocalAddress(second))).error, NetError::kNone);
    return {first.socket, second};
  }
};

TEST_P(DatagramConformance, AReceiveYieldsOneDatagramHoweverMuchRoomThereIs) {
  const auto [first, second] = DatagramPair();
  if (!first.valid()) return;
  for (const std::string_view text : {"one", "", "three"}) {
    EXPECT_EQ(Home(StartSend(first, std::string(text))).result, static_cast<int64_t>(text.size()));
  }
  for (const std::string_view text : {"one", "", "three"}) {
    Trip& recv = StartRecv(second, 100);
    EXPECT_EQ(Home(recv).result, static_cast<int64_t>(text.size()));
    EXPECT_EQ(recv.op.error, NetError::kNone);
    EXPECT_EQ(recv.memory.substr(0, text.size()), text);
  }
  Trip& late = StartRecv(second, 100);
  LetTimePass();
  EXPECT_FALSE(late.home);
  SendAll(first, "late");
  EXPECT_EQ(Home(late).result, 4);
  Close(first);
  Close(second);
}

TEST_P(DatagramConformance, ADatagramThatIsLongerThanTheRoomIsCut) {
  const auto [first, second] = DatagramPair();
  if (!first.valid()) return;
  for (const bool waiting : {true, false}) {
    Trip& recv = Prepare(OpKind::kRecv, second);
    recv.memory.resize(4);
    recv.op.recv_bytes = recv.memory;
    if (waiting) Start(recv);
    SendAll(first, "long and lost");
    if (!waiting) Start(recv);
    EXPECT_EQ(Home(recv).result, 4);
    EXPECT_EQ(recv.op.error, NetError::kNone);
    EXPECT_EQ(recv.memory, "long");
  }
  SendAll(first, "next");
  EXPECT_EQ(RecvAll(second, 4), "next");
  Close(first);
  Close(second);
}

TEST_P(DatagramConformance, ThatNobodyIsThereIsAnErrorAndNoEnd) {
  const auto [first, second] = DatagramPair();
  if (!first.valid()) return;
  Close(second);
  Trip& recv = StartRecv(first, 100);
  SendAll(first, "is anybody there?");
  EXPECT_EQ(Home(recv).result, -1);
  EXPECT_EQ(recv.op.error, NetError::kRefused);
  // It is told once; the socket is as good as before, and waits again.
  Trip& again = StartRecv(first, 100);
  LetTimePass();
  EXPECT_FALSE(again.home);
  Trip& close = StartOp(OpKind::kClose, first);
  Home(close);
  EXPECT_EQ(again.op.error, NetError::kCancelled);
}

INSTANTIATE_TEST_SUITE_P(Worlds, DatagramConformance, AllWorlds(), WorldName);
INSTANTIATE_TEST_SUITE_P(Pollers, PollerConformance, AllWorlds(), WorldName);

}  // namespace
}  // namespace postern
