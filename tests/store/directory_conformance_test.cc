// What store/file.h promises, asked of the system's own files, whatever the system is.

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/file.h"

namespace postern {
namespace {

std::string Scratch(std::string_view name) { return absl::StrCat(std::getenv("TEST_TMPDIR"), "/directory/", name); }

std::string ReadAll(File& file) {
  std::string bytes(*file.Size(), '\0');
  EXPECT_EQ(*file.ReadAt(bytes, 0), bytes.size());
  return bytes;
}

absl::Status Write(File& file, std::string_view piece, uint64_t offset) { return file.WriteAt({&piece, 1}, offset); }

// More than a system takes at once, pieces around the size that one gathers, and empty ones among them; no byte is
// translated.
TEST(DirectoryConformance, ManyPiecesLieOneBehindTheOther) {
  auto directory = *OpenDirectory(Scratch("pieces"));
  auto file = *directory->Create("file", 0);
  std::vector<std::string> texts;
  for (const size_t size : {5, 0, 32767, 1, 32768, 0, 40000, 32763, 5, 5, 200000, 1, 0}) {
    texts.push_back(std::string(size, static_cast<char>('a' + texts.size())));
  }
  for (int i = 0; i < 3000; ++i) texts.push_back(i % 7 == 0 ? "" : absl::StrCat(i, ","));
  texts.push_back("\r\n\n\r\x1a\n");
  const std::vector<std::string_view> pieces(texts.begin(), texts.end());
  ASSERT_TRUE(file->WriteAt(pieces, 3).ok());
  ASSERT_TRUE(file->WriteAt({}, 0).ok());
  std::string whole(3, '\0');
  for (const std::string& text : texts) whole += text;
  EXPECT_EQ(ReadAll(*file), whole);
  ASSERT_TRUE(file->Sync().ok());
}

TEST(DirectoryConformance, ReadsEndAtTheEnd) {
  auto directory = *OpenDirectory(Scratch("reads"));
  auto file = *directory->Create("file", 0);
  ASSERT_TRUE(Write(*file, "hello", 0).ok());
  std::string bytes(10, '?');
  EXPECT_EQ(*file->ReadAt(bytes, 2), 3u);
  EXPECT_EQ(bytes.substr(0, 3), "llo");
  EXPECT_EQ(*file->ReadAt(bytes, 5), 0u);
  EXPECT_EQ(*file->ReadAt(bytes, 500), 0u);
}

TEST(DirectoryConformance, ErrorsNameThePathAndTheirKind) {
  const std::string path = Scratch("errors");
  auto directory = *OpenDirectory(path);
  const absl::Status missing = directory->OpenForRead("none").status();
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_TRUE(absl::StartsWith(missing.message(), path + "/none: open: ")) << missing;
  EXPECT_TRUE(absl::IsNotFound(directory->Remove("none")));
  EXPECT_TRUE(absl::IsNotFound(directory->Rename("none", "other")));
  ASSERT_TRUE(directory->Create("there", 0).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(directory->Create("there", 0).status()));
  EXPECT_FALSE(OpenDirectory(path + "/there").ok());
  EXPECT_FALSE(OpenDirectory(path + "/there/below").ok());
}

TEST(DirectoryConformance, ANewFileHasItsSizeAndReadsAsZeros) {
  auto directory = *OpenDirectory(Scratch("room"));
  auto file = *directory->Create("file", 1 << 20);
  EXPECT_EQ(*file->Size(), 1u << 20);
  ASSERT_TRUE(Write(*file, "x", 500'000).ok());
  std::string zeros(1000, '?');
  EXPECT_EQ(*file->ReadAt(zeros, 499'000), 1000u);
  EXPECT_EQ(zeros, std::string(1000, '\0'));
  EXPECT_EQ(*file->Size(), 1u << 20);
}

// Nobody has so much. What was begun is gone.
TEST(DirectoryConformance, NoRoomIsToldAndLeavesNoHalfMadeFile) {
  auto directory = *OpenDirectory(Scratch("full"));
  EXPECT_FALSE(directory->Create("large", uint64_t{1} << 62).ok());
  EXPECT_TRUE(directory->List()->empty());
}

TEST(DirectoryConformance, RenameReplacesAndReachesIntoFolders) {
  auto directory = *OpenDirectory(Scratch("rename"));
  ASSERT_TRUE(Write(**directory->Create("a", 0), "a", 0).ok());
  ASSERT_TRUE(Write(**directory->Create("b", 0), "b", 0).ok());
  ASSERT_TRUE(directory->Rename("a", "b").ok());
  EXPECT_EQ(ReadAll(**directory->OpenForRead("b")), "a");
  auto below = *directory->OpenSubdirectory("new");
  ASSERT_TRUE(directory->Rename("b", "new/c").ok());
  ASSERT_TRUE(directory->Sync().ok());
  EXPECT_EQ(*below->List(), std::vector<std::string>{"c"});
  EXPECT_EQ(*directory->List(), std::vector<std::string>{"new"});
  ASSERT_TRUE(below->Remove("c").ok());
  EXPECT_TRUE(below->List()->empty());
}

// A segment is read while it is written, renamed and removed.
TEST(DirectoryConformance, WhatIsOpenMayBeRenamedAndRemoved) {
  auto directory = *OpenDirectory(Scratch("open"));
  auto written = *directory->Create("a", 0);
  ASSERT_TRUE(Write(*written, "one", 0).ok());
  auto read = *directory->OpenForRead("a");
  ASSERT_TRUE(directory->Rename("a", "b").ok());
  ASSERT_TRUE(Write(*written, "two", 3).ok());
  EXPECT_EQ(ReadAll(*read), "onetwo");
  ASSERT_TRUE(directory->Remove("b").ok());
  EXPECT_EQ(ReadAll(*read), "onetwo");
}

// One process is kept out by its own lock too, as long as that lives.
TEST(DirectoryConformance, ALockIsHeldOnce) {
  const std::string path = Scratch("lock");
  auto directory = *OpenDirectory(path);
  auto lock = directory->TryLock();
  ASSERT_TRUE(lock.ok()) << lock.status();
  const absl::Status second = (*OpenDirectory(path))->TryLock().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_TRUE(absl::StartsWith(second.message(), path + ": in use by process ")) << second;
  lock->reset();
  EXPECT_TRUE(directory->TryLock().ok());
}

TEST(DirectoryConformance, WhatItLiesOnIsDescribed) {
  auto directory = *OpenDirectory(Scratch("volume"));
  EXPECT_GT(*directory->FreeSize(), 0u);
  const absl::StatusOr<FileSystemInfo> info = directory->FileSystem();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_NE(info->type, "");
}

// The second who opens shared bytes finds what the first has stored.
TEST(DirectoryConformance, SharedBytesBeginAsZerosAndAreOne) {
  auto directory = *OpenDirectory(Scratch("shared"));
  auto first = *directory->OpenShared("bytes", 10000);
  ASSERT_EQ(first->bytes().size(), 10000u);
  EXPECT_TRUE(std::ranges::all_of(first->bytes(), [](char c) { return c == 0; }));
  auto second = *directory->OpenShared("bytes", 10000);
  first->bytes()[9999] = 'x';
  EXPECT_EQ(second->bytes()[9999], 'x');
}

}  // namespace
}  // namespace postern
