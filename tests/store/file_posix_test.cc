#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/file.h"

namespace postern {
namespace {

std::string Scratch(std::string_view name) { return absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name); }

std::string ReadAll(File& file) {
  std::string bytes(*file.Size(), '\0');
  EXPECT_EQ(*file.ReadAt(bytes, 0), bytes.size());
  return bytes;
}

absl::Status Write(File& file, std::string_view piece, uint64_t offset) { return file.WriteAt({&piece, 1}, offset); }

// A limit on the size of files makes the system write less than it was asked to, and then refuse.
TEST(FilePosix, AShortWriteGoesOnAndItsEndIsAnError) {
  auto directory = *OpenDirectory(Scratch("short"));
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {10, 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto file = *directory->Create("file", 0);
    const std::vector<std::string_view> pieces = {"0123", "4567", "89ab"};
    const absl::Status status = file->WriteAt(pieces, 0);
    _exit(!status.ok() && absl::StrContains(status.message(), "/short/file: write: File too large") ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadAll(**directory->OpenForRead("file")), "0123456789");
}

TEST(FilePosix, AnErrorHasTheSystemsWords) {
  const std::string path = Scratch("errors");
  EXPECT_EQ((*OpenDirectory(path))->OpenForRead("none").status().message(),
            path + "/none: open: No such file or directory");
}

TEST(FilePosix, ANewFileHasItsRoom) {
  auto directory = *OpenDirectory(Scratch("room"));
  auto file = *directory->Create("file", 1 << 20);
  EXPECT_EQ(*file->Size(), 1u << 20);
  struct stat info;
  ASSERT_EQ(stat(Scratch("room/file").c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, 1 << 20);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(FilePosix, FoldersAreMadeWithTheirParentsAndForUsAlone) {
  const std::string path = Scratch("deep/er/est");
  ASSERT_TRUE(OpenDirectory(path).ok());
  ASSERT_TRUE(OpenDirectory(path).ok());
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(FilePosix, ALockNamesItsHolderAndEndsWithIt) {
  const std::string path = Scratch("lock");
  auto directory = *OpenDirectory(path);
  int ready[2];
  int done[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(done[1]);
    auto other = *OpenDirectory(path);
    const auto lock = other->TryLock();
    char byte = lock.ok() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) == 1 && read(done[0], &byte, 1) == 0) _exit(0);  // dies with the lock in hand
    _exit(1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const absl::Status held = directory->TryLock().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(held));
  EXPECT_TRUE(absl::StartsWith(held.message(), absl::StrCat(path, ": in use by process ", child, "; "))) << held;
  close(done[1]);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const auto lock = directory->TryLock();
  EXPECT_TRUE(lock.ok()) << lock.status();
}

TEST(FilePosix, SharedBytesOutliveAProcessThatIsKilled) {
  const std::string path = Scratch("shared");
  auto directory = *OpenDirectory(path);
  const pid_t child = fork();
  if (child == 0) {
    auto shared = *(*OpenDirectory(path))->OpenShared("bytes", 10000);
    const bool zeros = std::ranges::all_of(shared->bytes(), [](char c) { return c == 0; });
    shared->bytes()[9999] = zeros ? 'x' : '?';
    raise(SIGKILL);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  auto shared = *directory->OpenShared("bytes", 10000);
  ASSERT_EQ(shared->bytes().size(), 10000u);
  EXPECT_EQ(shared->bytes()[9999], 'x');
  struct stat info;
  ASSERT_EQ(stat((path + "/bytes").c_str(), &info), 0);
  EXPECT_GE(info.st_blocks * 512, 10000);  // a store never waits for room
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(FilePosix, AFullDiskIsToldAndLeavesNoHalfMadeFile) {
  const std::string path = Scratch("small");
  auto outside = *OpenDirectory(path);
  if (mount("none", path.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "only root can mount a small disk";
  {
    auto directory = *OpenDirectory(path);
    EXPECT_TRUE(directory->FileSystem()->volatile_);
    const absl::Status full = directory->Create("large", 16 << 20).status();
    EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
    EXPECT_EQ(full.message(), path + "/large: fallocate: No space left on device");
    EXPECT_TRUE(directory->List()->empty());
    const absl::Status shared = directory->OpenShared("shared", 16 << 20).status();
    EXPECT_TRUE(absl::IsResourceExhausted(shared)) << shared;
    ASSERT_TRUE(directory->Remove("shared").ok());
    auto file = *directory->Create("file", 0);
    const std::string bytes(2 << 20, 'x');
    EXPECT_TRUE(absl::IsResourceExhausted(Write(*file, bytes, 0)));
  }
  EXPECT_EQ(umount(path.c_str()), 0);
}

}  // namespace
}  // namespace postern
