// What needs a process of its own: rights, signals, and running out of descriptors.

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/host.h"
#include "net/listener.h"
#include "net/socket.h"
#include "tests/net/world.h"

namespace postern {
namespace {

// Runs `body` in a child; what it returns is "" when all is well.
std::string InAChild(const std::function<std::string()>& body) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = body();
    [[maybe_unused]] const ssize_t ignored = write(ends[1], text.data(), text.size());
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[512];
  for (ssize_t size; (size = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(size));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? text : absl::StrCat("it died of signal ", WTERMSIG(status));
}

// A line of this thread's /proc status, "CapEff" for example.
std::string StatusLine(const std::string& key) {
  std::ifstream file("/proc/thread-self/status");
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, key + ":")) return line.substr(key.size() + 2);
  }
  return "";
}

constexpr char kNoRights[] = "0000000000000000";
constexpr char kBindRight[] = "0000000000000400";  // CAP_NET_BIND_SERVICE is number 10

SocketResult ListenOnPrivilegedPort() { return SystemSockets().ListenOn(*SocketAddress::Parse("127.0.0.1:997"), 1); }

TEST(RunApartTest, WhatTheOtherProcessWritesComesHere) {
  const std::string much(1 << 20, 'x');  // more than a pipe holds
  const int64_t self = ProcessId();
  std::string got;
  const auto task = [&](ByteSink write) { return ProcessId() != self && write(much) && write("end") ? 42 : 1; };
  const absl::StatusOr<int> code = RunApart(task, [&got](std::string_view bytes) {
    got += bytes;
    return true;
  });
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 42);
  EXPECT_EQ(got, much + "end");
}

TEST(RunApartTest, WhoIsNotReadIsToldSo) {
  const std::string much(1 << 20, 'x');
  const auto task = [&much](ByteSink write) { return write(much) ? 1 : 7; };
  EXPECT_EQ(*RunApart(task, [](std::string_view) { return false; }), 7);
}

TEST(RunApartTest, ADeathIsAnError) {
  const auto task = [](ByteSink) -> int {
    std::raise(SIGKILL);
    return 0;
  };
  EXPECT_FALSE(RunApart(task, [](std::string_view) { return true; }).ok());
}

class DropPrivilegesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!IsSuperuser()) GTEST_SKIP() << "only root has something to drop";
  }
};

TEST_F(DropPrivilegesTest, DropsAll) {
  EXPECT_EQ(InAChild([]() -> std::string {
              if (const absl::Status status = DropPrivileges("nobody"); !status.ok()) return status.ToString();
              if (IsSuperuser()) return "still root";
              if (StatusLine("CapEff") != kNoRights || StatusLine("CapPrm") != kNoRights) return StatusLine("CapPrm");
              if (ListenOnPrivilegedPort().error != NetError::kNoPermission) return "it may still bind";
              return "";
            }),
            "");
}

TEST_F(DropPrivilegesTest, MayKeepTheRightToBindAndDropItLater) {
  EXPECT_EQ(InAChild([]() -> std::string {
              if (const absl::Status s = DropPrivileges("nobody", BindRight::kKeep); !s.ok()) return s.ToString();
              if (IsSuperuser() || setuid(0) == 0) return "still root";
              for (const char* key : {"CapEff", "CapPrm"}) {
                if (StatusLine(key) != kBindRight) return absl::StrCat(key, " ", StatusLine(key));
              }
              std::string of_thread;
              std::thread([&of_thread] {
                DropBindRight();
                of_thread = StatusLine("CapPrm");
              }).join();
              if (of_thread != kNoRights) return "a thread kept it";
              const SocketResult bound = ListenOnPrivilegedPort();
              if (!bound.socket.valid()) return bound.what;
              DropBindRight();
              SystemSockets().CloseNow(bound.socket);
              if (StatusLine("CapEff") != kNoRights || StatusLine("CapPrm") != kNoRights) return StatusLine("CapPrm");
              if (ListenOnPrivilegedPort().error != NetError::kNoPermission) return "it may still bind";
              return "";
            }),
            "");
}

TEST_F(DropPrivilegesTest, RootThatStaysRootKeepsItsRights) {
  EXPECT_EQ(InAChild([]() -> std::string {
              const std::string before = StatusLine("CapEff");
              DropBindRight();
              return StatusLine("CapEff") == before ? "" : StatusLine("CapEff");
            }),
            "");
}

TEST_F(DropPrivilegesTest, AnUnknownUserIsAnErrorThatNamesIt) {
  const absl::Status status = DropPrivileges("no-such-user-here");
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "no-such-user-here")) << status;
  EXPECT_TRUE(IsSuperuser());
}

TEST(Signals, AreWaitedFor) {
  EXPECT_EQ(InAChild([]() -> std::string {
              CatchSignals();
              if (WaitForSignal(std::chrono::milliseconds(1)) != Signal::kNone) return "none came";
              for (const auto& [number, meaning] : {std::pair(SIGTERM, Signal::kStop), std::pair(SIGINT, Signal::kStop),
                                                    std::pair(SIGHUP, Signal::kReload)}) {
                kill(getpid(), number);
                if (WaitForSignal(std::chrono::seconds(5)) != meaning) return absl::StrCat("signal ", number);
              }
              raise(SIGPIPE);  // means nothing
              return "";
            }),
            "");
}

TEST(Host, HasAName) {
  EXPECT_NE(HostName(), "");
  EXPECT_EQ(ProcessId(), getpid());
  EXPECT_GE(RaiseDescriptorLimit(), 256u);
}

// A listener that finds no descriptor leaves the connection where it is, and takes it when there is one.
TEST(Listener, PausesWhenTheProcessHasNoDescriptorLeft) {
  struct Handler final : ListenerHandler {
    void HandleAccepted(Socket socket, const SocketAddress&) override { accepted.push_back(socket); }
    void HandleAcceptFailed(NetError error, int) override { errors.push_back(error); }
    std::vector<Socket> accepted;
    std::vector<NetError> errors;
  } handler;
  World world(World::kSystem);
  Reactor reactor(world.poller(), world.clock());
  Listener listener;
  listener.Start(reactor, handler, world.sockets().ListenOn(*SocketAddress::Parse("127.0.0.1:0"), 8).socket);
  const Socket client = world.sockets().MakeFor(listener.address()).socket;
  Op connect;
  connect.kind = OpKind::kConnect;
  connect.socket = client;
  const SocketAddress address = listener.address();
  connect.connect_to = &address;
  connect.done = [](Op&) {};

  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = static_cast<rlim_t>(client.handle) + 1, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  std::vector<int> holes;  // descriptors below the limit that were free
  for (int fd; (fd = dup(0)) >= 0;) holes.push_back(fd);
  reactor.Start(connect);
  EXPECT_TRUE(world.TurnUntil(reactor, [&] { return handler.errors.size() == 2; }));
  EXPECT_EQ(handler.errors[0], NetError::kNoDescriptors);
  EXPECT_TRUE(handler.accepted.empty());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(world.TurnUntil(reactor, [&] { return handler.accepted.size() == 1; }));

  for (const int fd : holes) close(fd);
  world.sockets().CloseNow(handler.accepted[0]);
  world.sockets().CloseNow(client);
  listener.Close();
  EXPECT_TRUE(world.TurnUntil(reactor, [&] { return listener.closed(); }));
}

TEST(Host, TheMachineHasItsLoopbackAddress) {
  const std::vector<IpAddress> addresses = MachineAddresses();
  EXPECT_EQ(std::count(addresses.begin(), addresses.end(), *IpAddress::Parse("127.0.0.1")), 1);
}

}  // namespace
}  // namespace postern
