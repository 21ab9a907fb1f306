// PollerConformance asks one World what net/poller.h promises: the system's poller, or a simulator's.
//
// The base of the *_conformance_test.cc here, each about one kind of socket and with a suite of its own; a test owns
// it, on its one thread. Ops go on trips: who is not home yet is the poller's.

#ifndef POSTERN_TESTS_NET_POLLER_CONFORMANCE_H_
#define POSTERN_TESTS_NET_POLLER_CONFORMANCE_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "net/poller.h"
#include "tests/net/world.h"

namespace postern {

class PollerConformance : public testing::TestWithParam<uint64_t> {
 protected:
  // An op with memory of its own, on its way.
  struct Trip : Op {
    Poller* poller;
    std::string memory;
    SocketAddress from;  // of an accept
    bool home = false;
  };

  Trip& Prepare(OpKind kind, Socket socket, std::string memory = "", Poller* poller = nullptr) {
    Trip& trip = trips_.emplace_back();
    trip.kind = kind;
    trip.socket = socket;
    trip.poller = poller == nullptr ? &world_.poller() : poller;
    trip.memory = std::move(memory);
    if (kind == OpKind::kAccept) trip.accept_from = &trip.from;
    if (kind == OpKind::kRecv) trip.set_recv_bytes(trip.memory);
    if (kind == OpKind::kSend) trip.set_send_bytes(trip.memory);
    return trip;
  }
  Trip& Start(Trip& trip) {
    EXPECT_FALSE(trip.home);
    trip.poller->Start(trip);
    return trip;
  }
  Trip& StartOp(OpKind kind, Socket socket, Poller* poller = nullptr) {
    return Start(Prepare(kind, socket, "", poller));
  }
  Trip& StartRecv(Socket socket, size_t size) { return Start(Prepare(OpKind::kRecv, socket, std::string(size, '\0'))); }
  Trip& StartSend(Socket socket, std::string bytes) { return Start(Prepare(OpKind::kSend, socket, std::move(bytes))); }
  Trip& StartConnect(Socket socket, const SocketAddress& to) {
    Trip& trip = Prepare(OpKind::kConnect, socket);
    trip.connect_to = &to;
    Start(trip);
    trip.connect_to = nullptr;  // from here on it is of no use
    return trip;
  }
  Trip& StartConnect(const SocketAddress& to) {
    const SocketResult made = world_.sockets().MakeFor(to);
    EXPECT_TRUE(made.socket.valid()) << made.what;
    return StartConnect(made.socket, to);
  }

  // One Wait() of a poller; whoever came home is told so.
  void WaitOnce(Poller& poller, Duration timeout_max) {
    std::vector<Op*> done;
    poller.Wait(timeout_max, done);
    for (Op* op : done) {
      const auto trip = std::find_if(trips_.begin(), trips_.end(), [op](const Trip& t) { return &t == op; });
      ASSERT_NE(trip, trips_.end());
      EXPECT_FALSE(trip->home) << "it came home twice";
      trip->home = true;
      order_.push_back(op);
    }
  }
  bool Until(const std::function<bool()>& done) {
    return world_.Until(done, [this](Duration timeout_max) { WaitOnce(world_.poller(), timeout_max); });
  }
  Trip& Home(Trip& trip) {
    EXPECT_TRUE(Until([&] { return trip.home; })) << "it never came home";
    return trip;
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
    const Trip& trip = Home(StartConnect(to));
    EXPECT_EQ(trip.error, NetError::kNone);
    return trip.socket;
  }
  // Both ends of a connection.
  std::pair<Socket, Socket> Pair() {
    const Socket listening = Listen();
    Trip& accept = StartOp(OpKind::kAccept, listening);
    const Socket client = Connect(world_.sockets().LocalAddress(listening));
    const Socket server = Home(accept).accepted();
    Close(listening);
    return {client, server};
  }
  void Close(Socket socket) { EXPECT_EQ(Home(StartOp(OpKind::kClose, socket)).error, NetError::kNone); }
  void Close(const std::vector<Socket>& sockets) {
    for (const Socket socket : sockets) Close(socket);
  }
  void Break(Socket socket) {
    Trip& close = Prepare(OpKind::kClose, socket);
    close.reset = true;
    Home(Start(close));
  }

  void SendAll(Socket socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const int64_t count = Home(StartSend(socket, std::string(bytes))).result;
      ASSERT_GT(count, 0);
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }
  std::string RecvAll(Socket socket, size_t size) {
    std::string bytes;
    while (bytes.size() < size) {
      const Trip& trip = Home(StartRecv(socket, size - bytes.size()));
      if (trip.result <= 0) break;
      bytes.append(trip.memory, 0, static_cast<size_t>(trip.result));
    }
    return bytes;
  }

  World world_{GetParam()};
  std::deque<Trip> trips_;
  std::vector<Op*> order_;  // in which they came home
};

}  // namespace postern

#endif  // POSTERN_TESTS_NET_POLLER_CONFORMANCE_H_
