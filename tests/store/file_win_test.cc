#include <aclapi.h>
#include <windows.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/file.h"
#include "tests/store/other_process_win.h"

namespace postern {
namespace {

std::string Scratch(std::string_view name) { return absl::StrCat(std::getenv("TEST_TMPDIR"), "/file_win/", name); }

std::string ReadAll(File& file) {
  std::string bytes(*file.Size(), '\0');
  EXPECT_EQ(*file.ReadAt(bytes, 0), bytes.size());
  return bytes;
}

absl::Status Write(File& file, std::string_view piece, uint64_t offset) { return file.WriteAt({&piece, 1}, offset); }

template <typename Condition>
bool Comes(const Condition& condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) Sleep(10);
  return condition();
}

TEST(FileWin, AnErrorHasTheSystemsNumber) {
  auto directory = *OpenDirectory(Scratch("errors"));
  const absl::Status missing = directory->OpenForRead("none").status();
  EXPECT_TRUE(absl::EndsWith(missing.message(), "(2)")) << missing;
}

// A virus scanner looks at every new file for a moment, and lets nobody move it meanwhile.
TEST(FileWin, AScannerThatHoldsAFileIsWaitedFor) {
  const std::string path = Scratch("scanner");
  auto directory = *OpenDirectory(path);
  ASSERT_TRUE(Write(**directory->Create("a", 0), "a", 0).ok());
  const HANDLE scanner =
      CreateFileA((path + "/a").c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr);
  ASSERT_NE(scanner, INVALID_HANDLE_VALUE);
  EXPECT_FALSE(directory->Rename("a", "b").ok());  // not for ever
  const HANDLE timer = CreateThread(
      nullptr, 0,
      [](void* held) -> DWORD {
        Sleep(200);
        CloseHandle(held);
        return 0;
      },
      scanner, 0, nullptr);
  EXPECT_TRUE(directory->Rename("a", "b").ok());
  WaitForSingleObject(timer, INFINITE);
  CloseHandle(timer);
}

TEST(FileWin, NamesAreUnicodeAndPathsAreLong) {
  const std::string path = absl::StrCat(Scratch("Postfächer/受信"), "/", std::string(200, 'x'), "/../",
                                        std::string(200, 'y'), "\\", std::string(100, 'z'));
  auto directory = *OpenDirectory(path);
  const std::string name = absl::StrCat("grüße-📬-", std::string(200, 'n'));
  ASSERT_TRUE(Write(**directory->Create(name, 0), "hello", 0).ok());
  ASSERT_TRUE(directory->Rename(name, "a " + name).ok());
  EXPECT_EQ(*(*OpenDirectory(path))->List(), std::vector<std::string>{"a " + name});
  EXPECT_EQ(*(*OpenDirectory(Scratch("Postfächer")))->List(), std::vector<std::string>{"受信"});
  EXPECT_EQ(ReadAll(**directory->OpenForRead("a " + name)), "hello");
}

// The world, S-1-1-0, has no right in what we make.
TEST(FileWin, FoldersAreMadeForUsAlone) {
  const std::string path = Scratch("deep/er/est");
  ASSERT_TRUE(OpenDirectory(path).ok());
  ASSERT_TRUE(OpenDirectory(path).ok());
  PACL list = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  ASSERT_EQ(GetNamedSecurityInfoA(path.c_str(), SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, nullptr, nullptr, &list,
                                  nullptr, &descriptor),
            DWORD{ERROR_SUCCESS});
  ASSERT_NE(list, nullptr);  // or everybody might
  EXPECT_GT(list->AceCount, 0);
  for (DWORD i = 0; i < list->AceCount; ++i) {
    void* entry = nullptr;
    ASSERT_TRUE(GetAce(list, i, &entry));
    const auto* allowed = static_cast<const ACCESS_ALLOWED_ACE*>(entry);
    const bool world = IsWellKnownSid(const_cast<DWORD*>(&allowed->SidStart), WinWorldSid);
    EXPECT_FALSE(world && allowed->Header.AceType == ACCESS_ALLOWED_ACE_TYPE && allowed->Mask != 0);
  }
  LocalFree(descriptor);
}

TEST(FileWin, AVolumeIsDescribed) {
  auto directory = *OpenDirectory(Scratch("volume"));
  const absl::StatusOr<FileSystemInfo> info = directory->FileSystem();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->device.substr(1), ":\\") << info->device;
  EXPECT_FALSE(info->volatile_);
}

TEST(FileWin, DISABLED_HoldsTheLock) {
  auto directory = *OpenDirectory(Scratch("lock"));
  const auto lock = directory->TryLock();
  ASSERT_TRUE(directory->Create(lock.ok() ? "held" : "refused", 0).ok());
  Sleep(INFINITE);
}

TEST(FileWin, ALockNamesItsHolderAndEndsWithIt) {
  const std::string path = Scratch("lock");
  auto directory = *OpenDirectory(path);
  OtherProcess other(L"FileWin.DISABLED_HoldsTheLock");
  ASSERT_TRUE(Comes([&] { return directory->OpenForRead("held").ok(); }));
  const absl::Status held = directory->TryLock().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(held));
  EXPECT_TRUE(absl::StartsWith(held.message(), absl::StrCat(path, ": in use by process ", other.id(), "; "))) << held;
  EXPECT_FALSE(directory->Remove("lock").ok());
  other.Kill();
  auto lock = directory->TryLock();
  ASSERT_TRUE(lock.ok()) << lock.status();
  const absl::Status ours = (*OpenDirectory(path))->TryLock().status();
  EXPECT_TRUE(absl::StrContains(ours.message(), absl::StrCat(" process ", GetCurrentProcessId(), "; "))) << ours;
  lock->reset();
  EXPECT_TRUE(directory->TryLock().ok());
}

TEST(FileWin, DISABLED_SharesBytes) {
  auto directory = *OpenDirectory(Scratch("shared"));
  auto shared = *directory->OpenShared("bytes", 10000);
  const bool zeros = std::all_of(shared->bytes().begin(), shared->bytes().end(), [](char c) { return c == 0; });
  shared->bytes()[9999] = zeros ? 'x' : '?';
  ASSERT_TRUE(directory->Create("ready", 0).ok());
  Sleep(INFINITE);
}

TEST(FileWin, SharedBytesOutliveAProcessThatIsKilled) {
  auto directory = *OpenDirectory(Scratch("shared"));
  {
    OtherProcess other(L"FileWin.DISABLED_SharesBytes");
    ASSERT_TRUE(Comes([&] { return directory->OpenForRead("ready").ok(); }));
  }
  auto shared = *directory->OpenShared("bytes", 10000);
  ASSERT_EQ(shared->bytes().size(), 10000u);
  EXPECT_EQ(shared->bytes()[9999], 'x');
}

}  // namespace
}  // namespace postern
