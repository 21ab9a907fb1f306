#include "net/port_owner_win.h"

#include <winsock2.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/host.h"
#include "net/socket.h"

namespace postern {
namespace {

TEST(PortOwnerWin, FindsTheSocketInTheWay) {
  for (const char* text : {"127.0.0.1:0", "0.0.0.0:0", "[::1]:0"}) {
    const Socket listening = SystemSockets().ListenOn(*SocketAddress::Parse(text), 1).socket;
    ASSERT_TRUE(listening.valid());
    const SocketAddress address = SystemSockets().LocalAddress(listening);
    const std::vector<PortHolder> holders = FindPortHolders(address);
    ASSERT_EQ(holders.size(), 1u) << text;
    EXPECT_EQ(holders[0].address, address);
    EXPECT_TRUE(holders[0].listening);
    // Windows names the process; wine does not, and then that is said.
    if (holders[0].pid != ProcessId()) {
      EXPECT_EQ(holders[0].pid, 0);
      EXPECT_NE(holders[0].missing, "");
      EXPECT_EQ(holders[0].stop_command, "");
    }
    SystemSockets().CloseNow(listening);
    EXPECT_TRUE(FindPortHolders(address).empty());
  }
}

TEST(PortOwnerWin, DescribesThisVeryProcess) {
  PortHolder holder;
  DescribeProcess(static_cast<uint32_t>(ProcessId()), holder);
  EXPECT_EQ(holder.pid, ProcessId());
  EXPECT_TRUE(absl::EndsWith(holder.program, "\\windows_test.exe")) << holder.program;
  EXPECT_TRUE(absl::StrContains(holder.user, "\\")) << holder.user;
  EXPECT_EQ(holder.unit, "");
  EXPECT_EQ(holder.missing, "");
  EXPECT_EQ(holder.stop_command, absl::StrCat("taskkill /F /PID ", ProcessId()));
}

TEST(PortOwnerWin, OfAProcessThatIsGoneSaysThatItCannotBeSeenAndStopsNobody) {
  PortHolder holder;
  DescribeProcess(0xFFFFFFF0, holder);
  EXPECT_TRUE(absl::StartsWith(holder.missing, "its program cannot be seen: ")) << holder.missing;
  EXPECT_EQ(holder.stop_command, "") << "its number may be another's by now";
}

// SO_REUSEADDR lets a program steal any port of another on Windows that does not forbid it.
TEST(PortOwnerWin, NobodyStealsOurPort) {
  for (const char* text : {"127.0.0.1:0", "0.0.0.0:0"}) {
    const Socket listening = SystemSockets().ListenOn(*SocketAddress::Parse(text), 1).socket;
    ASSERT_TRUE(listening.valid());
    const SOCKET thief = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_NE(thief, INVALID_SOCKET);
    const DWORD yes = 1;
    ASSERT_EQ(setsockopt(thief, SOL_SOCKET, SO_REUSEADDR, reinterpret_cast<const char*>(&yes), sizeof yes), 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(SystemSockets().LocalAddress(listening).port);
    EXPECT_NE(bind(thief, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << text;
    closesocket(thief);
    SystemSockets().CloseNow(listening);
  }
}

TEST(PortOwnerWin, NoChildInheritsOurSockets) {
  Sockets& sockets = SystemSockets();
  const Socket listening = sockets.ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 1).socket;
  for (const Socket socket :
       {listening, sockets.Duplicate(listening).socket, sockets.MakeFor(sockets.LocalAddress(listening)).socket,
        sockets.MakeDatagramFor(sockets.LocalAddress(listening)).socket}) {
    DWORD flags = HANDLE_FLAG_INHERIT;
    ASSERT_TRUE(GetHandleInformation(reinterpret_cast<HANDLE>(socket.handle), &flags));
    EXPECT_EQ(flags & HANDLE_FLAG_INHERIT, 0u);
    sockets.CloseNow(socket);
  }
}

TEST(PortOwnerWin, WhatIsRefusedWithoutAHolderHasAHint) {
  EXPECT_TRUE(absl::StrContains(WhyNoHolderIsSeen(NetError::kAddressInUse), "excludedportrange"));
  const SocketResult refused = SystemSockets().ListenOn(*SocketAddress::Parse("192.0.2.1:0"), 1);
  EXPECT_EQ(refused.error, NetError::kUnreachable) << refused.what;
  EXPECT_FALSE(WhyNoHolderIsSeen(refused.error).empty());
}

}  // namespace
}  // namespace postern
