#include "net/host_win.h"

#include <windows.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "net/name_lookup.h"
#include "net/socket.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(HostWin, HasANameAndItsLoopbackAddress) {
  EXPECT_NE(HostName(), "");
  EXPECT_EQ(ProcessId(), GetCurrentProcessId());
  const std::vector<IpAddress> addresses = MachineAddresses();
  EXPECT_EQ(std::count(addresses.begin(), addresses.end(), *IpAddress::Parse("127.0.0.1")), 1);
}

TEST(HostWin, SignalsComeInTheirOrderAndFromAnyThread) {
  CatchSignals();
  EXPECT_EQ(WaitForSignal(milliseconds(1)), Signal::kNone);
  RaiseSignal(Signal::kReload);
  std::thread other([] {
    std::this_thread::sleep_for(milliseconds(20));
    RaiseSignal(Signal::kStop);
  });
  EXPECT_EQ(WaitForSignal(seconds(5)), Signal::kReload);
  EXPECT_EQ(WaitForSignal(seconds(5)), Signal::kStop);
  other.join();
}

// The C library's own handlers of such a crash are those of the thread that has set them.
TEST(HostWinDeathTest, ACrashOfAnyThreadIsAnAbortOnIt) {
  const auto crash = [] {
    CatchSignals();
    std::signal(SIGABRT, [](int) { std::_Exit(42); });
    std::thread([] { RaiseException(EXCEPTION_ACCESS_VIOLATION, 0, 0, nullptr); }).join();
  };
  EXPECT_EXIT(crash(), testing::ExitedWithCode(42), "");
}

TEST(HostWin, ATaskApartHandsOnWhatItWritesUntilNobodyTakesIt) {
  std::string got;
  const auto task = [](ByteSink write) { return write("a") && write("b") && !write("c") && !write("d") ? 42 : 1; };
  const absl::StatusOr<int> code = RunApart(task, [&got](std::string_view bytes) {
    got += bytes;
    return bytes != "c";
  });
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 42);
  EXPECT_EQ(got, "abc");
}

TEST(HostWin, NobodyBecomesAnother) {
  const absl::Status status = DropPrivileges("nobody");
  EXPECT_FALSE(IsSuperuser());
  EXPECT_TRUE(absl::IsUnimplemented(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "nobody")) << status;
}

// A pipe in the place of standard error.
class StandardErrorWin : public testing::Test {
 protected:
  StandardErrorWin() : before_(GetStdHandle(STD_ERROR_HANDLE)) {
    EXPECT_TRUE(CreatePipe(&reader_, &writer_, nullptr, 4096));
    SetStdHandle(STD_ERROR_HANDLE, writer_);
  }
  ~StandardErrorWin() override {
    SetStdHandle(STD_ERROR_HANDLE, before_);
    for (const HANDLE handle : {reader_, writer_}) CloseHandle(handle);
  }

  const HANDLE before_;
  HANDLE reader_ = nullptr;
  HANDLE writer_ = nullptr;
};

TEST_F(StandardErrorWin, ALineIsWrittenWhole) {
  EXPECT_TRUE(WriteToStandardError("a line\n", seconds(5)));
  char bytes[100];
  DWORD size = 0;
  ASSERT_TRUE(ReadFile(reader_, bytes, sizeof bytes, &size, nullptr));
  EXPECT_EQ(std::string(bytes, size), "a line\n");
}

TEST_F(StandardErrorWin, WhoReadsNothingIsNotWaitedForAndWhoIsSlowLosesNothing) {
  const std::string much(100'000, 'x');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(WriteToStandardError(much, milliseconds(50)));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));

  std::string got;
  std::thread slow([this, &got] {
    char bytes[1000];
    for (DWORD size = 0;
         got.find('\n') == std::string::npos && ReadFile(reader_, bytes, sizeof bytes, &size, nullptr);) {
      got.append(bytes, size);
    }
  });
  EXPECT_TRUE(WriteToStandardError(much + "end\n", seconds(10)));
  slow.join();
  EXPECT_TRUE(absl::EndsWith(got, std::string(100'000, 'x') + "end\n"));
}

TEST(NameLookupWin, FindsWhatTheTableOfHostsKnows) {
  const absl::StatusOr<std::vector<std::string>> addresses = LookUpName("localhost", 4);
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_TRUE(IpAddress::Parse(addresses->at(0))->IsLoopback()) << addresses->at(0);
}

}  // namespace
}  // namespace postern
