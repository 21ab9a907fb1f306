// The states that a cut may leave are these and no others.

#include "tests/prover/power_cut.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/prover/recording_disk.h"

namespace postern {
namespace {

using States = std::set<std::string>;

class PowerCutTest : public testing::Test {
 protected:
  PowerCutTest() { folder_ = *disk_.Open("d"); }

  // All states after all that was done, "d/name=bytes" for each file, runs of one letter told as "a512".
  States All() {
    PowerCut cut{DiskImage()};
    for (const Step& step : disk_.trace()) cut.Apply(step);
    States states;
    PowerCut::Random random(1);
    EXPECT_TRUE(cut.ForEach(10'000, 0, random, [&](const PowerCut::Outcome&, const DiskImage& image) {
      std::string text;
      for (const auto& [path, node] : image.names) {
        if (!image.IsFolder(path)) absl::StrAppend(&text, path, "=", Runs(*image.contents.at(node)), " ");
      }
      states.insert(text);
    }));
    return states;
  }

  static std::string Runs(std::string_view bytes) {
    std::string text;
    for (size_t i = 0; i < bytes.size();) {
      const size_t end = std::min(bytes.find_first_not_of(bytes[i], i), bytes.size());
      absl::StrAppend(&text, std::string_view(bytes[i] == '\0' ? "-" : &bytes[i], 1), end - i);
      i = end;
    }
    return text;
  }

  // A file that is on stable storage, name and all.
  std::unique_ptr<File> MakeDurable(const std::string& name, uint64_t size) {
    std::unique_ptr<File> file = *folder_->Create(name, size);
    EXPECT_TRUE(file->Sync().ok() && folder_->Sync().ok());
    return file;
  }
  static void Write(File& file, std::string_view bytes, uint64_t offset) {
    EXPECT_TRUE(file.WriteAt({&bytes, 1}, offset).ok());
  }

  RecordingDisk disk_;
  std::unique_ptr<Directory> folder_;
};

TEST_F(PowerCutTest, SectorsAreWrittenEachByItself) {
  const std::unique_ptr<File> file = MakeDurable("f", 1024);
  Write(*file, std::string(1024, 'a'), 0);
  EXPECT_EQ(All(), (States{"d/f=-1024 ", "d/f=a512-512 ", "d/f=-512a512 ", "d/f=a1024 "}));
  Write(*file, std::string(512, 'b'), 0);
  EXPECT_EQ(All(),
            (States{"d/f=-1024 ", "d/f=a512-512 ", "d/f=-512a512 ", "d/f=a1024 ", "d/f=b512-512 ", "d/f=b512a512 "}));
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(All(), States{"d/f=b512a512 "});
}

TEST_F(PowerCutTest, AFileThatGrowsHasAnyOfItsSizes) {
  const std::unique_ptr<File> file = MakeDurable("f", 0);
  Write(*file, std::string(1024, 'a'), 0);
  EXPECT_EQ(All(),
            (States{"d/f= ", "d/f=-512 ", "d/f=a512 ", "d/f=-1024 ", "d/f=a512-512 ", "d/f=-512a512 ", "d/f=a1024 "}));
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(All(), States{"d/f=a1024 "});
}

TEST_F(PowerCutTest, ANameNeedsASyncOfItsFolder) {
  const std::unique_ptr<File> file = *folder_->Create("f", 0);
  Write(*file, "a", 0);
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(All(), (States{"", "d/f=a1 "}));
  ASSERT_TRUE(folder_->Sync().ok());
  ASSERT_TRUE(folder_->Rename("f", "g").ok());
  EXPECT_EQ(All(), (States{"d/f=a1 ", "d/g=a1 "}));
  ASSERT_TRUE(folder_->Remove("g").ok());
  EXPECT_EQ(All(), (States{"d/f=a1 ", "d/g=a1 ", ""}));
  ASSERT_TRUE(folder_->Sync().ok());
  EXPECT_EQ(All(), States{""});
}

TEST_F(PowerCutTest, NamesChangeInAnyOrder) {
  Write(*MakeDurable("e", 1), "a", 0);
  Write(*MakeDurable("f", 1), "b", 0);
  ASSERT_TRUE((*folder_->OpenForWrite("e"))->Sync().ok());
  ASSERT_TRUE((*folder_->OpenForWrite("f"))->Sync().ok());
  ASSERT_TRUE(folder_->Rename("e", "x").ok());
  ASSERT_TRUE(folder_->Rename("f", "e").ok());
  // When the second name is on the disk and the first is not, the younger claim has it.
  EXPECT_EQ(All(), (States{"d/e=a1 d/f=b1 ", "d/f=b1 d/x=a1 ", "d/e=b1 d/x=a1 ", "d/e=b1 "}));
}

TEST_F(PowerCutTest, ARenameIntoAnotherFolderIsOneChange) {
  const std::unique_ptr<Directory> other = *disk_.Open("d/o");
  const std::unique_ptr<File> file = MakeDurable("f", 0);
  ASSERT_TRUE(folder_->Rename("f", "o/g").ok());
  EXPECT_EQ(All(), (States{"d/f= ", "d/o/g= "}));
  ASSERT_TRUE(other->Sync().ok());
  EXPECT_EQ(All(), States{"d/o/g= "});
}

TEST_F(PowerCutTest, WhatReplacesAFileIsThereOrTheFileIs) {
  MakeDurable("f", 1);
  MakeDurable("g", 2);
  ASSERT_TRUE(folder_->Rename("g", "f").ok());
  EXPECT_EQ(All(), (States{"d/f=-1 d/g=-2 ", "d/f=-2 "}));
  ASSERT_TRUE(folder_->Sync().ok());
  EXPECT_EQ(All(), States{"d/f=-2 "});
}

TEST_F(PowerCutTest, WhatAFailedSyncGaveUpIsOnlyWrittenWhenItIsWrittenAgain) {
  const std::unique_ptr<File> file = MakeDurable("f", 1);
  Write(*file, "a", 0);
  disk_.FailSync(1);
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(All(), (States{"d/f=-1 ", "d/f=a1 "}));
  Write(*file, "a", 0);
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(All(), States{"d/f=a1 "});
}

TEST_F(PowerCutTest, WhatIsInALostFolderIsLost) {
  const std::unique_ptr<Directory> folder = *folder_->OpenSubdirectory("o");
  const std::unique_ptr<File> file = *folder->Create("f", 0);
  ASSERT_TRUE(folder->Sync().ok());
  EXPECT_EQ(All(), (States{"", "d/o/f= "}));
}

}  // namespace
}  // namespace postern
