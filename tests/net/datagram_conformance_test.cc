// What a poller promises of datagrams.

#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "tests/net/poller_conformance.h"

namespace postern {
namespace {

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
    EXPECT_EQ(recv.error, NetError::kNone);
    EXPECT_EQ(recv.memory.substr(0, text.size()), text);
  }
  Trip& late = StartRecv(second, 100);
  LetTimePass();
  EXPECT_FALSE(late.home);
  SendAll(first, "late");
  EXPECT_EQ(Home(late).result, 4);
  Close({first, second});
}

TEST_P(DatagramConformance, ADatagramThatIsLongerThanTheRoomIsCut) {
  const auto [first, second] = DatagramPair();
  if (!first.valid()) return;
  for (const bool waiting : {true, false}) {
    Trip& recv = Prepare(OpKind::kRecv, second, "room");
    if (waiting) Start(recv);
    SendAll(first, "long and lost");
    if (!waiting) Start(recv);
    EXPECT_EQ(Home(recv).result, 4);
    EXPECT_EQ(recv.error, NetError::kNone);
    EXPECT_EQ(recv.memory, "long");
  }
  SendAll(first, "next");
  EXPECT_EQ(RecvAll(second, 4), "next");
  Close({first, second});
}

TEST_P(DatagramConformance, ThatNobodyIsThereIsAnErrorAndNoEnd) {
  const auto [first, second] = DatagramPair();
  if (!first.valid()) return;
  Close(second);
  Trip& recv = StartRecv(first, 100);
  SendAll(first, "is anybody there?");
  EXPECT_EQ(Home(recv).result, -1);
  EXPECT_EQ(recv.error, NetError::kRefused);
  // It is told once; the socket is as good as before, and waits again.
  Trip& again = StartRecv(first, 100);
  LetTimePass();
  EXPECT_FALSE(again.home);
  Trip& close = StartOp(OpKind::kClose, first);
  Home(close);
  EXPECT_EQ(again.error, NetError::kCancelled);
}

INSTANTIATE_TEST_SUITE_P(Worlds, DatagramConformance, AllWorlds(), WorldName);

}  // namespace
}  // namespace postern
