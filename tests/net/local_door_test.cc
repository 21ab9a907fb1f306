#include "net/local_door.h"

#include <chrono>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/dialog.h"
#include "net/host.h"
#include "net/socket.h"

namespace postern {
namespace {

// Short, or it would not fit into the address of a UNIX socket; and of this process alone.
std::string DoorPath() {
  return (std::filesystem::temp_directory_path() / absl::StrCat("postern_door.", ProcessId())).string();
}

MonotonicTime Soon() { return SystemClock().Monotonic() + std::chrono::seconds(10); }

TEST(LocalDoor, APathLeadsThereAsLongAsItIsOpen) {
  const std::string path = DoorPath();
  std::filesystem::remove(path);  // that an earlier process of this number has left: a UNIX socket's name outlives it
  EXPECT_TRUE(absl::IsNotFound(FindLocalDoor(path).status()));
  absl::StatusOr<LocalDoor> door = OpenLocalDoor(path, 16);
  ASSERT_TRUE(door.ok()) << door.status();
  const absl::StatusOr<WayIn> way = FindLocalDoor(path);
  ASSERT_TRUE(way.ok()) << way.status();
  EXPECT_EQ(way->key, door->key);
  EXPECT_TRUE(Dialog::Connect(way->address, Soon()).ok());

  SystemSockets().CloseNow(door->listening);
  EXPECT_FALSE(Dialog::Connect(way->address, Soon()).ok());
  door->sign.reset();
  // Whoever comes next may open it again, whatever the last one has left.
  const absl::StatusOr<LocalDoor> again = OpenLocalDoor(path, 16);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(Dialog::Connect(FindLocalDoor(path)->address, Soon()).ok());
  SystemSockets().CloseNow(again->listening);
}

TEST(LocalDoor, WhereThePathCannotBeItIsSaid) {
  const absl::StatusOr<LocalDoor> door = OpenLocalDoor(DoorPath() + "-missing/folder/door", 16);
  ASSERT_FALSE(door.ok());
  EXPECT_NE(door.status().message().find("-missing/folder/door: "), std::string::npos) << door.status();
}

}  // namespace
}  // namespace postern
