#include "store/storage_check.h"

#include <chrono>
#include <memory>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/sim/sim_disk.h"

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
class Disguised final : public Directory {
 public:
  Disguised(Directory& real, FileSystemInfo info) : real_(real), info_(std::move(info)) {}
  const std::string& path() const override { return real_.path(); }
  absl::StatusOr<std::vector<std::string>> List() override { return real_.List(); }
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override {
    return real_.OpenForRead(name);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) override {
    return real_.OpenForWrite(name);
  }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& name, uint64_t size) override {
    return real_.Create(name, size);
  }
  absl::StatusOr<std::unique_ptr<SharedBytes>> OpenShared(const std::string& name, size_t size) override {
    return real_.OpenShared(name, size);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override { return real_.Rename(from, to); }
  absl::Status Remove(const std::string& name) override { return real_.Remove(name); }
  absl::Status Sync() override { return real_.Sync(); }
  absl::StatusOr<std::unique_ptr<Directory>> OpenSubdirectory(const std::string& name) override {
    return real_.OpenSubdirectory(name);
  }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> TryLock() override { return real_.TryLock(); }
  absl::StatusOr<uint64_t> FreeSize() override { return real_.FreeSize(); }
  absl::StatusOr<FileSystemInfo> FileSystem() override { return info_; }

 private:
  Directory& real_;
  const FileSystemInfo info_;
};

class StorageCheckTest : public testing::Test {
 protected:
  // The warnings, one a line.
  std::string Check(const FileSystemInfo& info, Duration step = std::chrono::milliseconds(1)) {
    Disguised directory(*real_, info);
    std::string text;
    for (const std::string& warning : CheckStorage(directory, SteppingClock(step))) text += warning + "\n";
    return text;
  }

  SimDisk disk_;
  std::unique_ptr<Directory> real_ = *disk_.Open("spool");
};

TEST_F(StorageCheckTest, AGoodDiskGetsNoWarningAndKeepsNoFile) {
  EXPECT_EQ(Check({.type = "ext4"}), "");
  EXPECT_TRUE(real_->List()->empty());
}

TEST_F(StorageCheckTest, PlacesThatLoseMailAreNamed) {
  EXPECT_TRUE(absl::StrContains(Check({.type = "tmpfs", .volatile_ = true}), "/spool lies on tmpfs: it is memory"));
  EXPECT_TRUE(absl::StrContains(Check({.type = "overlay", .overlay = true}), "gone with the container"));
  EXPECT_TRUE(absl::StrContains(Check({.type = "nfs", .network = true}), "a network file system"));
}

TEST_F(StorageCheckTest, ASyncThatTakesNoTimeIsNotBelieved) {
  const std::string warning = Check({.type = "ext4"}, std::chrono::microseconds(5));
  EXPECT_TRUE(absl::StrContains(warning, "a sync takes 5 us, sooner than a disk can write")) << warning;
}

TEST_F(StorageCheckTest, ADiskThatCannotBeWrittenIsTold) {
  disk_.FailAt(SimDisk::Operation::kSync, 3, absl::InternalError("EIO"));
  EXPECT_TRUE(absl::StrContains(Check({.type = "ext4"}), "could not be written and synced"));
  disk_.FailAt(SimDisk::Operation::kCreate, 1, absl::PermissionDeniedError("/spool/storage-check: create: no"));
  EXPECT_TRUE(absl::StrContains(Check({.type = "ext4"}), "cannot write there: /spool/storage-check: create: no"));
}

}  // namespace
}  // namespace postern
