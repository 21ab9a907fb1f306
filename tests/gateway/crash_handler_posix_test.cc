// A crash of the real kind, in a process of its own: what the next one finds of it.

#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/crash_handler.h"
#include "gtest/gtest.h"
#include "net/host.h"
#include "store/file.h"

namespace postern {
namespace {

// Not a loop: each call needs what the one inside has left.
size_t Dive(size_t depth) {
  volatile char room[256] = {};
  room[depth % sizeof room] = 1;
  return depth == 0 ? 0 : Dive(depth - 1) + static_cast<size_t>(room[depth % sizeof room]);
}

TEST(CrashHandler, AThreadThatOverflowsItsStackIsToldWithWhatItWorkedOn) {
  const std::unique_ptr<Directory> directory = *OpenDirectory(absl::StrCat(testing::TempDir(), "/crash_handler"));
  directory->Remove(std::string(BlackBox::kFileName)).IgnoreError();  // of a run before
  const auto die = [&directory] {
    const auto box = *BlackBox::Open(*directory, "1.0", WallTime{1});
    WorkSlot* const slot = box->TakeSlot("reactor 0");
    InstallCrashHandler();
    WatchCrashes(box.get(), nullptr);
    std::thread([slot] {
      SetThreadSlot(slot);
      RunWithSignalStack([slot] {
        const WorkScope work(slot, WorkStage::kReceiving, MessageId{7});
        Dive(SIZE_MAX);
      });
    }).join();
  };
  EXPECT_EXIT(die(), testing::KilledBySignal(SIGSEGV), "SIGSEGV received");
  const auto box = *BlackBox::Open(*directory, "1.0", WallTime{2});
  ASSERT_TRUE(box->last_death().has_value());
  EXPECT_TRUE(absl::StrContains(box->last_death()->crash, "SIGSEGV received")) << box->last_death()->crash;
  EXPECT_TRUE(absl::StrContains(box->last_death()->crash, "Dive")) << box->last_death()->crash;
  ASSERT_EQ(box->last_death()->work.size(), 1u);
  EXPECT_TRUE(box->last_death()->work[0].crashed);
  EXPECT_EQ(box->last_death()->work[0].slot.message, 7u);
}

}  // namespace
}  // namespace postern
