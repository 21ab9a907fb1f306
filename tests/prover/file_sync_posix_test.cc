// The machine's side of the prover's promises: which folder and which file the system is asked to sync. fsync() and
// fdatasync() are this program's own, and note what they are asked before they do it.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/file.h"

namespace {

std::vector<std::string>& Synced() {
  static std::vector<std::string> synced;
  return synced;
}

void Note(std::string_view call, int fd) {
  std::array<char, 4096> path;
  const ssize_t size = readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), path.data(), path.size());
  Synced().push_back(absl::StrCat(call, " ", std::string_view(path.data(), size > 0 ? static_cast<size_t>(size) : 0)));
}

}  // namespace

extern "C" int fsync(int fd) {
  Note("fsync", fd);
  return static_cast<int>(syscall(SYS_fsync, fd));
}
extern "C" int fdatasync(int fd) {
  Note("fdatasync", fd);
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

namespace postern {
namespace {

using Calls = std::vector<std::string>;

class FileSyncTest : public testing::Test {
 protected:
  FileSyncTest() {
    std::string name = absl::StrCat(testing::TempDir(), "/file_sync_XXXXXX");
    std::array<char, 4096> real;
    root_ = realpath(mkdtemp(name.data()), real.data());
    Synced().clear();
  }

  std::string root_;
};

TEST_F(FileSyncTest, FilesAndFoldersAreSynced) {
  const std::unique_ptr<Directory> folder = *OpenDirectory(root_);
  const std::unique_ptr<File> file = *folder->Create("f", 0);
  Synced().clear();
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(Synced(), Calls{absl::StrCat("fdatasync ", root_, "/f")});
  Synced().clear();
  ASSERT_TRUE(folder->Sync().ok());
  EXPECT_EQ(Synced(), Calls{absl::StrCat("fsync ", root_)});
}

// A folder that is there may have been made by a process that was killed before its sync.
TEST_F(FileSyncTest, TheNameOfAFolderIsSyncedWhetherItIsNewOrNot) {
  ASSERT_EQ(mkdir(absl::StrCat(root_, "/a").c_str(), 0700), 0);
  ASSERT_TRUE(OpenDirectory(absl::StrCat(root_, "/a")).ok());
  EXPECT_EQ(Synced(), Calls{absl::StrCat("fsync ", root_)});

  Synced().clear();
  ASSERT_TRUE(OpenDirectory(absl::StrCat(root_, "/a/b/c")).ok());
  const Calls last(Synced().end() - 3, Synced().end());  // before them the folders above
  EXPECT_EQ(last, (Calls{absl::StrCat("fsync ", root_), absl::StrCat("fsync ", root_, "/a"),
                         absl::StrCat("fsync ", root_, "/a/b")}));
}

TEST_F(FileSyncTest, AFolderWithinOneIsSyncedWhenItIsNew) {
  const std::unique_ptr<Directory> folder = *OpenDirectory(root_);
  Synced().clear();
  ASSERT_TRUE(folder->OpenSubdirectory("a").ok());
  EXPECT_EQ(Synced(), Calls{absl::StrCat("fsync ", root_)});
  ASSERT_TRUE(folder->OpenSubdirectory("a").ok());
  EXPECT_EQ(Synced().size(), 1u) << "who opens it syncs, once for all of them";
}

}  // namespace
}  // namespace postern
