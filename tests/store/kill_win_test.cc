// A process that stores mail is ended by TerminateProcess, time and again: what it had a receipt for is there.

#include <windows.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "store/file.h"
#include "store/log_reader.h"
#include "store/segment_log.h"
#include "store/store_writer.h"
#include "tests/store/other_process_win.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

constexpr SegmentLogOptions kOptions{.segment_size = 256 * 1024, .segment_size_min = 4096};
constexpr size_t kBatch = 5;
constexpr uint64_t kMoreEachLife = 150;

std::string Scratch() { return absl::StrCat(std::getenv("TEST_TMPDIR"), "/kill_win"); }

std::string BodyOf(uint64_t number) { return Body(number, number * 977 % 20'000); }

// The numbers of the messages that somebody was told are safe.
std::set<uint64_t> ReadReceipts(Directory& directory) {
  std::set<uint64_t> numbers;
  const auto file = directory.OpenForRead("receipts");
  if (!file.ok()) return numbers;
  std::string text(*(*file)->Size(), '\0');
  text.resize(*(*file)->ReadAt(text, 0));
  text.resize(text.rfind('\n') + 1);
  for (const std::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    uint64_t number = 0;
    EXPECT_TRUE(absl::SimpleAtoi(line, &number)) << line;
    numbers.insert(number);
  }
  return numbers;
}

TEST(KillWin, DISABLED_StoresMail) {
  auto directory = *OpenDirectory(Scratch());
  auto logs = *directory->OpenSubdirectory("log");
  auto log = *SegmentLog::Open(*logs, kOptions, nullptr);
  StoreWriter writer(*log, 64);
  ASSERT_TRUE(writer.TryReserve(64));
  WriterDriver driver(writer);
  const std::set<uint64_t> earlier = ReadReceipts(*directory);
  // What has no receipt may be there all the same, so its number is given to nothing else.
  uint64_t number = earlier.empty() ? 1 : *earlier.rbegin() + 1000;
  auto receipts = directory->OpenForWrite("receipts");
  if (!receipts.ok()) receipts = directory->Create("receipts", 0);
  for (;;) {
    for (size_t i = 0; i < kBatch; ++i, ++number) driver.Accept(Id(number), BodyOf(number));
    for (const Handoff* home : driver.Run()) {
      if (home->result != HandoffResult::kDurable) continue;
      const std::string line = absl::StrCat(home->message.number >> 8, "\n");
      const std::string_view piece = line;
      ASSERT_TRUE((*receipts)->WriteAt({&piece, 1}, *(*receipts)->Size()).ok());
    }
  }
}

TEST(KillWin, WhatHadAReceiptIsThereAfterEachKill) {
  auto directory = *OpenDirectory(Scratch());
  for (int life = 1; life <= 4; ++life) {
    const size_t wanted = ReadReceipts(*directory).size() + kMoreEachLife;
    {
      OtherProcess writer(L"KillWin.DISABLED_StoresMail");
      while (writer.running() && ReadReceipts(*directory).size() < wanted) Sleep(1);
      ASSERT_TRUE(writer.running());
    }
    const std::set<uint64_t> receipts = ReadReceipts(*directory);
    auto folder = *directory->OpenSubdirectory("log");
    RecoveryReport report;
    auto log = *SegmentLog::Open(*folder, kOptions, &report);
    EXPECT_EQ(report.damage_count, 0u);
    LogReader reader(*folder, nullptr);
    std::set<uint64_t> found;
    while (const auto record = reader.Next(log->durable())) {
      const uint64_t number = record->message.number >> 8;
      EXPECT_EQ(*ReadBody(*folder, record->position), BodyOf(number));
      EXPECT_TRUE(found.insert(number).second) << number << " twice";
    }
    for (const uint64_t number : receipts) EXPECT_EQ(found.count(number), 1u) << number << " in life " << life;
  }
}

}  // namespace
}  // namespace postern
