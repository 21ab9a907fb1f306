// Against this machine's /proc, and against one that a test writes.

#include "net/port_owner_linux.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/host.h"
#include "net/socket.h"

namespace postern {
namespace {

SocketAddress At(std::string_view text) { return *SocketAddress::Parse(text); }

// A /proc with a table of sockets and a few processes.
class WrittenProc : public testing::Test {
 protected:
  WrittenProc() : root_(absl::StrCat(testing::TempDir(), "/proc_", ProcessId(), "_", test_count_++)) {
    std::filesystem::create_directories(root_ + "/net");
    std::filesystem::create_directories(root_ + "/self");
    Write("/self/cgroup", "0::/system.slice/our.service\n");
    Write("/net/tcp", kTitle);
    Write("/net/tcp6", kTitle);
  }
  ~WrittenProc() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text, bool append = false) {
    std::ofstream(root_ + path, append ? std::ios::app : std::ios::trunc) << text;
  }
  void AddSocket(const std::string& table, const std::string& local, int inode, const std::string& state = "0A") {
    Write("/net/" + table,
          absl::StrCat("   0: ", local, " 00000000:0000 ", state,
                       " 00000000:00000000 00:00000000 00000000     0        0 ", inode, " 1 0 100 0 0 10 0\n"),
          /*append=*/true);
  }
  void AddProcess(int pid, int parent, const std::string& program, const std::string& cgroup,
                  const std::vector<int>& inodes) {
    const std::string folder = absl::StrCat("/", pid);
    std::filesystem::create_directories(root_ + folder + "/fd");
    std::filesystem::create_symlink(program, root_ + folder + "/exe");
    Write(folder + "/cmdline", program + std::string("\0-bd\0-q30m\0", 11));
    Write(folder + "/status", absl::StrCat("Name:\tx\nPPid:\t", parent, "\nUid:\t0\t0\t0\t0\n"));
    Write(folder + "/cgroup", cgroup);
    std::filesystem::create_symlink("/dev/null", root_ + folder + "/fd/0");
    for (size_t i = 0; i < inodes.size(); ++i) {
      std::filesystem::create_symlink(absl::StrCat("socket:[", inodes[i], "]"),
                                      absl::StrCat(root_, folder, "/fd/", i + 3));
    }
  }
  std::vector<PortHolder> Find(std::string_view address) { return FindPortHoldersIn(root_, At(address)); }

  static constexpr char kTitle[] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid\n";
  static inline int test_count_ = 0;
  const std::string root_;
};

TEST_F(WrittenProc, AFreePortHasNoHolder) {
  AddSocket("tcp", "0100007F:001A", 11);
  AddProcess(100, 1, "/usr/sbin/exim4", "", {11});
  EXPECT_TRUE(Find("127.0.0.1:25").empty());
  EXPECT_TRUE(Find("[::1]:26").empty()) << "the other family is not in the way";
}

TEST_F(WrittenProc, TellsAllOfAService) {
  AddSocket("tcp", "0100007F:0019", 11);
  AddProcess(100, 1, "/usr/sbin/exim4", "0::/system.slice/exim4.service\n", {10, 11});
  AddProcess(50, 1, "/bin/bystander", "", {12});
  const std::vector<PortHolder> holders = Find("0.0.0.0:25");
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_EQ(holders[0].address.ToString(), "127.0.0.1:25");
  EXPECT_EQ(holders[0].pid, 100);
  EXPECT_EQ(holders[0].program, "/usr/sbin/exim4");
  EXPECT_EQ(holders[0].command_line, "/usr/sbin/exim4 -bd -q30m");
  EXPECT_EQ(holders[0].user, "root");
  EXPECT_EQ(holders[0].unit, "exim4.service");
  EXPECT_EQ(holders[0].stop_command, "systemctl stop exim4.service");
  EXPECT_TRUE(holders[0].listening);
}

TEST_F(WrittenProc, NamesTheEldestOfAFamily) {
  AddSocket("tcp", "00000000:0019", 11);
  AddProcess(300, 400, "/usr/sbin/worker", "", {11});
  AddProcess(400, 1, "/usr/sbin/master", "", {11});
  AddProcess(500, 400, "/usr/sbin/worker", "", {11});
  const std::vector<PortHolder> holders = Find("127.0.0.1:25");
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_EQ(holders[0].pid, 400);
  EXPECT_EQ(holders[0].stop_command, "kill 400");
}

TEST_F(WrittenProc, WhoWouldStopUsTooIsNotStoppedAsAUnit) {
  AddSocket("tcp", "0100007F:0019", 11);
  AddProcess(100, 1, "/bin/holder", "0::/system.slice/our.service\n", {11});
  EXPECT_EQ(Find("127.0.0.1:25").at(0).stop_command, "kill 100");
}

TEST_F(WrittenProc, ASocketUnitAndAPublishedPortHaveCommandsOfTheirOwn) {
  AddSocket("tcp", "00000000:0019", 11);
  AddProcess(1, 0, "/usr/lib/systemd/systemd", "0::/init.scope\n", {11});
  EXPECT_TRUE(absl::StrContains(Find("0.0.0.0:25").at(0).stop_command, "systemctl list-sockets"));
  AddSocket("tcp", "00000000:001A", 12);
  AddProcess(90, 80, "/usr/bin/docker-proxy", "0::/system.slice/docker.service\n", {12});
  EXPECT_EQ(Find("0.0.0.0:26").at(0).stop_command, "docker stop $(docker ps -q --filter publish=26)");
}

TEST_F(WrittenProc, AWildcardOfBothFamiliesIsInTheWayOfIPv4) {
  AddSocket("tcp6", "00000000000000000000000000000000:0019", 11);
  AddProcess(100, 1, "/usr/sbin/dual", "", {11});
  ASSERT_EQ(Find("127.0.0.1:25").size(), 1u);
  EXPECT_EQ(Find("127.0.0.1:25")[0].address.ToString(), "[::]:25");
  EXPECT_EQ(Find("[::1]:25").size(), 1u);
  // Unless it is somebody of the same family: then the wildcard is likely one of IPv6 alone.
  AddSocket("tcp", "0100007F:0019", 12);
  AddProcess(200, 1, "/usr/sbin/four", "", {12});
  ASSERT_EQ(Find("127.0.0.1:25").size(), 1u);
  EXPECT_EQ(Find("127.0.0.1:25")[0].pid, 200);
}

TEST_F(WrittenProc, AnIPv4SocketInIPv6ClothesIsOneOfIPv4) {
  AddSocket("tcp6", "0000000000000000FFFF00000100007F:0019", 11);
  EXPECT_EQ(Find("127.0.0.1:25").size(), 1u);
  EXPECT_TRUE(Find("[::1]:25").empty());
}

TEST_F(WrittenProc, WithoutAListenerAnOldConnectionIsTold) {
  AddSocket("tcp", "0100007F:0019", 11, "01");
  AddSocket("tcp", "0100007F:0019", 0, "06");
  AddProcess(100, 1, "/bin/client", "", {11});
  ASSERT_EQ(Find("127.0.0.1:25").size(), 1u);
  EXPECT_FALSE(Find("127.0.0.1:25")[0].listening);
  AddSocket("tcp", "0100007F:0019", 12);
  ASSERT_EQ(Find("127.0.0.1:25").size(), 1u);
  EXPECT_TRUE(Find("127.0.0.1:25")[0].listening);
}

TEST_F(WrittenProc, ASocketOfNobodySaysWhy) {
  AddSocket("tcp", "0100007F:0019", 11);
  const PortHolder holder = Find("127.0.0.1:25").at(0);
  EXPECT_EQ(holder.pid, 0);
  EXPECT_EQ(holder.user, "root") << "the table knows";
  EXPECT_NE(holder.missing, "");
  EXPECT_EQ(holder.stop_command, "");
}

TEST(PortOwner, FindsThisVeryProcess) {
  for (const char* text : {"127.0.0.1:0", "0.0.0.0:0", "[::1]:0"}) {
    const Socket listening = SystemSockets().ListenOn(At(text), 1).socket;
    ASSERT_TRUE(listening.valid());
    const SocketAddress address = SystemSockets().LocalAddress(listening);
    const auto start = std::chrono::steady_clock::now();
    const std::vector<PortHolder> holders = FindPortHolders(address);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(500));
    ASSERT_EQ(holders.size(), 1u) << text;
    EXPECT_EQ(holders[0].address, address);
    EXPECT_EQ(holders[0].pid, ProcessId());
    EXPECT_TRUE(absl::StrContains(holders[0].program, "port_owner_linux_test")) << holders[0].program;
    EXPECT_TRUE(absl::StrContains(holders[0].command_line, "port_owner_linux_test")) << holders[0].command_line;
    EXPECT_EQ(holders[0].stop_command, absl::StrCat("kill ", ProcessId())) << "it is in our own group";
    SystemSockets().CloseNow(listening);
    EXPECT_TRUE(FindPortHolders(address).empty());
  }
}

TEST(PortOwner, WithoutRightsSaysWhichAreMissing) {
  if (!IsSuperuser()) GTEST_SKIP() << "only root can become somebody with fewer rights";
  const Socket listening = SystemSockets().ListenOn(At("127.0.0.1:0"), 1).socket;
  const SocketAddress address = SystemSockets().LocalAddress(listening);
  const pid_t child = fork();
  if (child == 0) {
    SystemSockets().CloseNow(listening);
    if (!DropPrivileges("nobody").ok()) _exit(1);
    const std::vector<PortHolder> holders = FindPortHolders(address);
    const bool good =
        holders.size() == 1 && holders[0].pid == 0 && absl::StrContains(holders[0].missing, "CAP_SYS_PTRACE");
    _exit(good ? 0 : 2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  SystemSockets().CloseNow(listening);
}

}  // namespace
}  // namespace postern
