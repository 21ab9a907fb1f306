#include "store/storage_check.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/sim/sim_disk.h"
#include "tests/store/forwarding_directory.h"

namespace postern {
namespace {

// Every look at it takes a while.
class SteppingClock final : public Clock {
 public:
  explicit SteppingClock(Duration step) : step_(step) {}
  MonotonicTime Monotonic() const override { return now_ = now_ + step_; }
  WallTime Wall() const override { return {}; }

 private:
  const Duration step_;
  mutable MonotonicTime now_;
};

// Says what kind of file system it is, and leaves the rest to another.
class Disguised final : public ForwardingDirectory {
 public:
  Disguised(Directory& real, FileSystemInfo info) : ForwardingDirectory(real), info_(std::move(info)) {}
  absl::StatusOr<FileSystemInfo> FileSystem() override { return info_; }

 private:
  const FileSystemInfo info_;
};

class StorageCheckTest : public testing::Test {
 protected:
  StorageReport Report(const FileSystemInfo& info, Duration step = std::chrono::milliseconds(1)) {
    Disguised directory(*real_, info);
    return CheckStorage(directory, SteppingClock(step));
  }
  // The doubts, one a line.
  std::string Check(const FileSystemInfo& info, Duration step = std::chrono::milliseconds(1)) {
    return absl::StrJoin(Report(info, step).doubts, "\n");
  }

  SimDisk disk_;
  std::unique_ptr<Directory> real_ = *disk_.Open("spool");
};

TEST_F(StorageCheckTest, AGoodDiskGetsNoWarningAndKeepsNoFile) {
  const StorageReport report = Report({.type = "ext4", .device = "/dev/sda1"});
  EXPECT_TRUE(report.trusted());
  EXPECT_EQ(report.sync_duration, std::chrono::milliseconds(1));
  EXPECT_EQ(ToText(report), "ext4 on /dev/sda1, barriers unknown, write cache unknown, a sync takes 1000 us");
  EXPECT_TRUE(real_->List()->empty());
}

TEST_F(StorageCheckTest, PlacesThatLoseMailAreNamed) {
  EXPECT_TRUE(absl::StrContains(Check({.type = "tmpfs", .volatile_ = true}), "/spool lies on tmpfs: it is memory"));
  EXPECT_TRUE(absl::StrContains(Check({.type = "overlay", .overlay = true}), "gone with the container"));
  EXPECT_TRUE(absl::StrContains(Check({.type = "nfs", .network = true}), "a network file system"));
}

TEST_F(StorageCheckTest, WithoutBarriersOnlyADeviceWithoutACacheIsTrusted) {
  FileSystemInfo info{.type = "ext4", .device = "/dev/sda1", .barriers = false, .write_cache = WriteCache::kBack};
  const std::string doubt = "/spool: barriers are off on /dev/sda1: a sync does not empty the device's write cache";
  EXPECT_TRUE(absl::StartsWith(Check(info), doubt)) << Check(info);
  info.write_cache = WriteCache::kUnknown;
  EXPECT_TRUE(absl::StartsWith(Check(info), doubt)) << Check(info);
  info.write_cache = WriteCache::kNone;
  EXPECT_EQ(Check(info), "");
  EXPECT_EQ(ToText(Report(info)), "ext4 on /dev/sda1, barriers off, write cache off, a sync takes 1000 us");
  info.barriers = true;
  info.write_cache = WriteCache::kBack;
  EXPECT_EQ(Check(info), "");
  EXPECT_EQ(ToText(Report(info)), "ext4 on /dev/sda1, barriers on, write cache on, a sync takes 1000 us");
}

TEST_F(StorageCheckTest, EveryDoubtIsASentenceOfItsOwn) {
  const FileSystemInfo info{.type = "fuse.x", .volatile_ = true, .network = true, .overlay = true, .barriers = false};
  EXPECT_EQ(Report(info, std::chrono::microseconds(1)).doubts.size(), 5u);
}

TEST_F(StorageCheckTest, ADescriptionWritesNothing) {
  disk_.FailAt(SimDisk::Operation::kCreate, 1, absl::InternalError("it was made"));
  Disguised directory(*real_, {.type = "ext4"});
  const StorageReport report = DescribeStorage(directory);
  EXPECT_TRUE(report.trusted());
  EXPECT_EQ(report.sync_duration, std::nullopt);
  EXPECT_EQ(ToText(report), "ext4, barriers unknown, write cache unknown");
}

TEST_F(StorageCheckTest, ASyncThatTakesNoTimeIsNotBelieved) {
  const std::string warning = Check({.type = "ext4"}, std::chrono::microseconds(5));
  EXPECT_TRUE(absl::StrContains(warning, "a sync takes 5 us, sooner than a disk can write")) << warning;
}

TEST_F(StorageCheckTest, ADiskThatCannotBeWrittenIsTold) {
  disk_.FailAt(SimDisk::Operation::kSync, 3, absl::InternalError("EIO"));
  EXPECT_TRUE(absl::StrContains(Check({.type = "ext4"}), "could not be written and synced"));
  disk_.FailAt(SimDisk::Operation::kCreate, 1, absl::PermissionDeniedError("/spool/storage-check: create: no"));
  EXPECT_TRUE(absl::StrContains(Check({.type = "ext4"}), "/spool/storage-check: create: no"));
}

}  // namespace
}  // namespace postern
