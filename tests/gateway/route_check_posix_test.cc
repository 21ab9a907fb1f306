// Routes on the machine as it is: sockets that are missing, that are none, that nobody listens on, that somebody does.

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gateway/route_check.h"
#include "gtest/gtest.h"
#include "net/host.h"
#include "net/socket.h"

namespace postern {
namespace {

class RouteCheckTest : public testing::Test {
 protected:
  RouteCheckTest() { std::filesystem::create_directories(folder_); }
  ~RouteCheckTest() override { std::filesystem::remove_all(folder_); }

  // What is wrong with the only route of a configuration, as a line of it.
  std::string Told(std::string_view way, std::string_view listen = "127.0.0.1:2525") {
    Config config;
    const std::string text = absl::StrCat("listen = \"", listen, "\"\n[[route]]\ndomain = \"*\"\n", way, "\n");
    for (const ConfigError& error : ParseConfig(text, "f", config)) ADD_FAILURE() << error.ToString();
    std::string told;
    for (const RouteTrouble& trouble : CheckRoutes(config)) told += ToError(trouble, config).ToString();
    return told;
  }
  std::string Lmtp(const std::string& path) { return Told(absl::StrCat("lmtp = \"unix:", path, "\"")); }

  const std::string folder_ = absl::StrCat("/tmp/postern_route_check.", ProcessId());
  const std::string path_ = folder_ + "/lmtp";
  const std::string start_ = absl::StrCat("f:4: route \"*\": lmtp \"unix:", path_, "\": ");
};

TEST_F(RouteCheckTest, ASocketThatIsMissing) {
  EXPECT_EQ(Lmtp(path_), start_ + "there is no such socket; is the server running whose mailboxes they are?");
}

TEST_F(RouteCheckTest, AFileThatIsNoSocket) {
  std::ofstream(path_) << "x";
  EXPECT_EQ(Lmtp(path_), start_ + "is no socket");
}

TEST_F(RouteCheckTest, ASocketWithItsServerAndWithout) {
  const SocketResult server = SystemSockets().ListenOn(SocketAddress::Unix(path_), 1);
  ASSERT_TRUE(server.socket.valid()) << server.what;
  EXPECT_EQ(Lmtp(path_), "");
  SystemSockets().CloseNow(server.socket);
  EXPECT_EQ(Lmtp(path_), start_ + "cannot be connected to: Connection refused");
}

TEST_F(RouteCheckTest, ASocketWithoutTheRightToIt) {
  const std::string closed = folder_ + "/closed";
  std::filesystem::create_directory(closed);
  std::filesystem::permissions(closed, std::filesystem::perms::none);
  const uid_t self = geteuid();
  // Who may do everything learns nothing here.
  ASSERT_EQ(seteuid(self == 0 ? 65534 : self), 0);
  const std::string told = Lmtp(closed + "/lmtp");
  ASSERT_EQ(seteuid(self), 0);
  std::filesystem::permissions(closed, std::filesystem::perms::owner_all);
  EXPECT_NE(told.find("/closed/lmtp\": cannot be reached: Permission denied"), std::string::npos) << told;
}

TEST_F(RouteCheckTest, AnAddressOfThisMachineAtWhichWeListen) {
  for (const IpAddress& ip : MachineAddresses()) {
    if (ip.family != AddressFamily::kIPv4 || ip.bytes[0] == 127) continue;
    const std::string way = absl::StrCat("next_hop = \"", ip.ToString(), ":2525\"");
    EXPECT_NE(Told(way, "0.0.0.0:2525").find("this is the gateway itself"), std::string::npos);
    EXPECT_EQ(Told(way, "127.0.0.1:2525"), "");
    EXPECT_EQ(Told(way, "0.0.0.0:2526"), "");
  }
  EXPECT_EQ(Told("next_hop = \"192.0.2.77:2525\"", "0.0.0.0:2525"), "") << "that of another";
}

}  // namespace
}  // namespace postern
