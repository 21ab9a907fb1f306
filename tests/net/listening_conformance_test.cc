// What a poller and its sockets promise of addresses, of who may own them, and of those who connect to them.

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/host.h"
#include "tests/net/poller_conformance.h"

namespace postern {
namespace {

class ListeningConformance : public PollerConformance {};

TEST_P(ListeningConformance, AcceptTellsWhoConnected) {
  const Socket listening = Listen();
  Trip& accept = StartOp(OpKind::kAccept, listening);
  const Socket client = Connect(world_.sockets().LocalAddress(listening));
  const Trip& accepted = Home(accept);
  ASSERT_TRUE(accepted.accepted().valid());
  EXPECT_EQ(accepted.from, world_.sockets().LocalAddress(client));
  Close({listening, client, accepted.accepted()});
}

TEST_P(ListeningConformance, ABoundSocketConnectsFromItsAddress) {
  const Socket listening = Listen();
  const SocketAddress address = world_.sockets().LocalAddress(listening);
  std::vector<Socket> sockets = {listening};
  for (const char* from : {"127.0.0.1", "127.9.8.7", "127.9.8.7"}) {
    Trip& accept = StartOp(OpKind::kAccept, listening);
    const SocketResult made = world_.sockets().MakeBoundFor(address, *IpAddress::Parse(from));
    ASSERT_TRUE(made.socket.valid()) << made.what;
    EXPECT_EQ(Home(StartConnect(made.socket, address)).error, NetError::kNone);
    const Trip& accepted = Home(accept);
    EXPECT_EQ(accepted.from.ip, *IpAddress::Parse(from));
    EXPECT_NE(accepted.from.port, 0);
    EXPECT_EQ(accepted.from, world_.sockets().LocalAddress(made.socket));
    sockets.insert(sockets.end(), {made.socket, accepted.accepted()});
  }
  Close(sockets);
}

TEST_P(ListeningConformance, ConnectIsRefusedWhereNobodyListens) {
  const Socket listening = Listen();
  const SocketAddress address = world_.sockets().LocalAddress(listening);
  Close(listening);
  const Trip& connect = Home(StartConnect(address));
  EXPECT_EQ(connect.result, -1);
  EXPECT_EQ(connect.error, NetError::kRefused);
  Close(connect.socket);
}

TEST_P(ListeningConformance, ABurstOfConnectionsIsAccepted) {
  const Socket listening = Listen();
  const SocketAddress address = world_.sockets().LocalAddress(listening);
  std::vector<Socket> sockets = {listening};
  for (int i = 0; i < 40; ++i) sockets.push_back(StartConnect(address).socket);
  for (int i = 0; i < 40; ++i) sockets.push_back(Home(StartOp(OpKind::kAccept, listening)).accepted());
  Close(sockets);
}

TEST_P(ListeningConformance, CloseEndsAConnectAndAnAccept) {
  const Socket listening = Listen();
  const SocketAddress address = world_.sockets().LocalAddress(listening);
  Trip& accept = StartOp(OpKind::kAccept, listening);
  Close(listening);
  EXPECT_TRUE(accept.home);
  EXPECT_EQ(accept.error, NetError::kCancelled);
  const Trip& connect = StartConnect(address);
  Close(connect.socket);
  EXPECT_TRUE(connect.home);
}

TEST_P(ListeningConformance, AnAddressIsOwnedByOne) {
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

TEST_P(ListeningConformance, BothWildcardsMayBeOwnedAtOnce) {
  const Socket six = Listen(*SocketAddress::Parse("[::]:0"));
  SocketAddress address = world_.sockets().LocalAddress(six);
  address.ip = *IpAddress::Parse("0.0.0.0");
  const Socket four = Listen(address);
  Close({six, four});
}

TEST_P(ListeningConformance, ADuplicateSharesTheConnectionsWithAnotherPoller) {
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
  const auto look = [&](Duration) {
    WaitOnce(world_.poller(), Duration::zero());
    WaitOnce(*second, Duration::zero());
    for (Trip** trip : {&mine, &theirs}) {
      if (!(*trip)->home) continue;
      ++accepted_count;
      if (trip == &theirs) ++theirs_count;
      world_.sockets().CloseNow((*trip)->accepted());
      *trip = &StartOp(OpKind::kAccept, (*trip)->socket, (*trip)->poller);
    }
  };
  std::vector<Socket> sockets = {listening};
  for (int i = 0; i < 50; ++i) sockets.push_back(StartConnect(address).socket);
  EXPECT_TRUE(world_.Until([&] { return accepted_count == 50; }, look));
  EXPECT_GT(theirs_count, 0u) << "both have had some";
  // One of the two leaves: the other goes on, and nobody hears of the handle that is gone.
  Trip& close = StartOp(OpKind::kClose, copy, second.get());
  EXPECT_TRUE(world_.Until([&] { return close.home; }, [&](Duration) { WaitOnce(*second, Duration::zero()); }));
  EXPECT_EQ(theirs->error, NetError::kCancelled);
  accepted_count = 0;
  theirs = &Prepare(OpKind::kAccept, copy);
  for (int i = 0; i < 5; ++i) sockets.push_back(StartConnect(address).socket);
  EXPECT_TRUE(world_.Until([&] { return accepted_count == 5; }, look));
  Close(sockets);
}

TEST_P(ListeningConformance, AUnixSocketIsASocketOrRefusedInWords) {
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
  const Socket server = Home(accept).accepted();
  SendAll(client, "over the file");
  EXPECT_EQ(RecvAll(server, 13), "over the file");
  EXPECT_EQ(world_.sockets().ListenOn(address, 1).error, NetError::kAddressInUse) << "somebody lives there";
  Close({client, server, listening});
  const Trip& refused = Home(StartConnect(address));
  EXPECT_EQ(refused.error, NetError::kRefused);
  Close(refused.socket);
  Close(Listen(address));  // the dead one makes room
  std::remove(address.path.c_str());
}

TEST_P(ListeningConformance, AUnixPathThatIsTooLongIsRefused) {
  const SocketAddress address = SocketAddress::Unix("/tmp/" + std::string(200, 'x'));
  const SocketResult refused = world_.sockets().ListenOn(address, 1);
  EXPECT_FALSE(refused.socket.valid());
  EXPECT_NE(refused.what, "");
  EXPECT_FALSE(world_.sockets().MakeFor(address).socket.valid());
}

INSTANTIATE_TEST_SUITE_P(Worlds, ListeningConformance, AllWorlds(), WorldName);

}  // namespace
}  // namespace postern
