// A door whose sign somebody else is looking at.

#include <windows.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/local_door.h"
#include "net/socket.h"

namespace postern {
namespace {

// As a virus scanner or an editor does: others may read meanwhile, and the name stays.
HANDLE Hold(const std::string& path) {
  const HANDLE held =
      CreateFileA(path.c_str(), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, nullptr, OPEN_ALWAYS, 0, nullptr);
  EXPECT_NE(held, INVALID_HANDLE_VALUE) << GetLastError();
  return held;
}

TEST(LocalDoorWin, WhoHoldsTheLastSignForAMomentIsWaitedFor) {
  const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/door");
  const HANDLE held = Hold(path);
  std::thread scanner([held] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CloseHandle(held);
  });
  const absl::StatusOr<LocalDoor> door = OpenLocalDoor(path, 16);
  scanner.join();
  ASSERT_TRUE(door.ok()) << door.status();
  EXPECT_EQ(FindLocalDoor(path)->key, door->key);
  SystemSockets().CloseNow(door->listening);
}

TEST(LocalDoorWin, ASignThatIsHeldForGoodIsAnErrorThatNamesIt) {
  const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/held-door");
  const HANDLE held = Hold(path);
  const absl::StatusOr<LocalDoor> door = OpenLocalDoor(path, 16);
  ASSERT_FALSE(door.ok());
  EXPECT_TRUE(absl::StartsWith(door.status().message(), path + ": ")) << door.status();
  CloseHandle(held);
}

}  // namespace
}  // namespace postern
