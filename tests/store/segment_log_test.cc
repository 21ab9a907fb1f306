#include "store/segment_log.h"

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "store/log_reader.h"
#include "tests/sim/sim_disk.h"
#include "tests/store/moody_directory.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

using Operation = SimDisk::Operation;
constexpr SegmentLogOptions kOptions{.segment_size = 8192, .segment_size_min = 2048, .spare_count_max = 2};

class SegmentLogTest : public testing::Test {
 protected:
  void Open() {
    log_.reset();
    report_ = {};
    directory_ = *disk_.Open("log");
    absl::StatusOr<std::unique_ptr<SegmentLog>> log = SegmentLog::Open(*directory_, kOptions, &report_);
    ASSERT_TRUE(log.ok()) << log.status();
    log_ = *std::move(log);
    log_->BeginBatch();
  }

  // One small message, of 64 + 2 + size bytes.
  AppendResult Append(uint64_t number, size_t size = 30, bool frees_room = false) {
    const std::string& body = bodies_.emplace_back(size, static_cast<char>('a' + number % 26));
    NewRecord record;
    record.kind = RecordKind::kAccepted;
    record.message = Id(number);
    record.head = "E\n";
    record.body = body;
    record.message_size = static_cast<uint32_t>(size);
    record.frees_room = frees_room;
    return log_->Append(record, last_);
  }
  void Put(uint64_t number, size_t size = 30) {
    log_->BeginBatch();
    ASSERT_EQ(Append(number, size), AppendResult::kOk);
    ASSERT_TRUE(log_->Sync().ok());
    ASSERT_TRUE(log_->Durable(last_));
  }

  // The numbers of all messages that the log holds.
  std::vector<uint64_t> Numbers() {
    reader_ = std::make_unique<LogReader>(*directory_, nullptr);
    return Rest(*reader_);
  }
  std::vector<uint64_t> Rest(LogReader& reader) {
    std::vector<uint64_t> numbers;
    while (const auto record = reader.Next(log_->durable())) numbers.push_back(record->message.number >> 8);
    return numbers;
  }

  void Overwrite(Position position, std::string_view bytes) {
    auto file = *directory_->OpenForWrite(SegmentName(position.segment));
    ASSERT_TRUE(file->WriteAt({&bytes, 1}, position.offset).ok());
    ASSERT_TRUE(file->Sync().ok());
  }

  SimDisk disk_;
  SimDisk::Random random_{1};
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<LogReader> reader_;
  RecoveryReport report_;
  std::deque<std::string> bodies_;  // lent to the log until it flushes
  Position last_;
};

TEST_F(SegmentLogTest, WhatIsSyncedIsReadAgain) {
  Open();
  EXPECT_EQ(Numbers(), std::vector<uint64_t>{});
  Put(1);
  ASSERT_EQ(Append(2), AppendResult::kOk);
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1}));  // the second is not durable yet
  ASSERT_TRUE(log_->Flush().ok());
  EXPECT_TRUE(log_->Written(last_));
  EXPECT_FALSE(log_->Durable(last_));
  ASSERT_TRUE(log_->Sync().ok());
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1, 2}));
  Open();
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(report_.torn_size, 0u);
}

TEST_F(SegmentLogTest, ItRollsFromSegmentToSegment) {
  Open();
  std::vector<uint64_t> all;
  for (uint64_t i = 1; i <= 300; ++i) {
    Put(i, 100);
    all.push_back(i);
  }
  EXPECT_GT(log_->segment_count(), 5u);
  EXPECT_EQ(Numbers(), all);
  Open();
  EXPECT_EQ(Numbers(), all);
  EXPECT_EQ(reader_->report().damage_count, 0u);
}

// The last record is cut at every byte, as if the rest of it had not reached the disk.
TEST_F(SegmentLogTest, ATornTailIsCutAtEveryByte) {
  Open();
  Put(1);
  Put(2);
  const Position begin = last_;
  auto file = *directory_->OpenForRead(SegmentName(begin.segment));
  const auto size = static_cast<size_t>(RecordSize(2, 0, 30, 0));
  std::string whole(size, '\0');
  ASSERT_EQ(*file->ReadAt(whole, begin.offset), size);
  for (size_t cut = 0; cut < kRecordHeaderSize + 2 + 30; ++cut) {
    disk_.Kill();
    directory_ = *disk_.Open("log");
    Overwrite(begin, whole.substr(0, cut) + std::string(size - cut, '\0'));
    Open();
    ASSERT_EQ(Numbers(), (std::vector<uint64_t>{1})) << cut;
    ASSERT_EQ(reader_->report().damage_count, 0u) << cut;
    // Without a whole header nobody can tell that there was a record.
    const bool has_header = whole.find_first_not_of('\0', cut) >= kRecordHeaderSize;
    ASSERT_EQ(report_.torn_size > 0, has_header) << cut;
    Put(3);
    ASSERT_EQ(Numbers(), (std::vector<uint64_t>{1, 3})) << cut;
    // The first segment as it was, without what recovery has added.
    log_.reset();
    const std::vector<std::string> names = *directory_->List();
    for (const std::string& name : names) {
      if (name != SegmentName(begin.segment)) {
        ASSERT_TRUE(directory_->Remove(name).ok());
      }
    }
  }
}

TEST_F(SegmentLogTest, DamageInTheMiddleIsQuarantinedAndTheRestServed) {
  Open();
  Put(1);
  Put(2);
  const Position damaged = last_;
  Put(3);
  disk_.Kill();
  directory_ = *disk_.Open("log");
  Overwrite({damaged.segment, damaged.offset + kRecordHeaderSize + 5}, "!");
  Open();
  EXPECT_EQ(report_.torn_size, 0u);  // the third knew that the second was durable
  auto quarantine = *disk_.Open("quarantine");
  LogReader reader(*directory_, quarantine.get());
  EXPECT_EQ(Rest(reader), (std::vector<uint64_t>{1, 3}));
  ASSERT_EQ(reader.report().damage_count, 1u);
  const Damage& damage = reader.report().damage[0];
  EXPECT_EQ(damage.position, damaged);
  EXPECT_EQ(damage.message, Id(2));
  EXPECT_EQ(damage.size, RecordSize(2, 0, 30, 0));
  EXPECT_EQ(damage.copied_to, "/quarantine/segment-0000000003-96");
  auto copy = *quarantine->OpenForRead("segment-0000000003-96");
  EXPECT_EQ(*copy->Size(), damage.size);
  // The next start finds the same, and the copy that is there.
  Open();
  LogReader again(*directory_, quarantine.get());
  EXPECT_EQ(Rest(again), (std::vector<uint64_t>{1, 3}));
  EXPECT_EQ(again.report().damage[0].copied_to, damage.copied_to);
}

TEST_F(SegmentLogTest, BehindWhichAnotherWasBegunNothingIsCut) {
  Open();
  Put(1);
  Put(2);
  const Position last = last_;
  ASSERT_TRUE(log_->Seal().ok());
  Open();  // begins another one, and leaves it empty
  Open();
  disk_.Kill();
  directory_ = *disk_.Open("log");
  Overwrite({last.segment, last.offset + kRecordHeaderSize + 5}, "!");
  Open();
  EXPECT_EQ(report_.torn_size, 0u);
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1}));
  EXPECT_EQ(reader_->report().damage_count, 1u);
}

TEST_F(SegmentLogTest, EmptySegmentsDoNotPileUp) {
  Open();
  for (int i = 0; i < 20; ++i) Open();
  EXPECT_EQ(log_->segment_count(), 1u);
  EXPECT_LE(directory_->List()->size(), 4u);
}

TEST_F(SegmentLogTest, ACleanEndLeavesNothingToCut) {
  Open();
  Put(1);
  ASSERT_TRUE(log_->Seal().ok());
  ASSERT_TRUE(log_->Seal().ok());
  disk_.PowerCut(random_);
  Open();
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1}));
  EXPECT_EQ(report_.torn_size, 0u);
}

TEST_F(SegmentLogTest, OldSegmentsAreUsedAgainAndTheirOldLifeIsNotSeen) {
  Open();
  uint64_t number = 0;
  const auto files = [&] { return directory_->List()->size(); };
  for (int round = 0; round < 50; ++round) {
    while (log_->segment_count() < 4) Put(++number, 100);
    ASSERT_TRUE(log_->ReleaseBefore(log_->durable().segment).ok());
    EXPECT_EQ(log_->segment_count(), 1u);
    EXPECT_LE(log_->spare_count(), kOptions.spare_count_max);
    EXPECT_LE(files(), 3u);
    const std::vector<uint64_t> left = Numbers();
    ASSERT_FALSE(left.empty());
    EXPECT_EQ(left.back(), number);
    EXPECT_EQ(left.front(), number - left.size() + 1);
    EXPECT_EQ(reader_->report().damage_count, 0u);
  }
}

// If a younger segment could go before an older one, a message could rise again whose mark is gone.
TEST_F(SegmentLogTest, SegmentsGoOneAfterTheOther) {
  Open();
  for (uint64_t number = 1; log_->segment_count() < 5; ++number) Put(number, 100);
  const uint64_t count = disk_.count(Operation::kSyncDirectory);
  ASSERT_TRUE(log_->ReleaseBefore(log_->durable().segment).ok());
  EXPECT_EQ(disk_.count(Operation::kSyncDirectory), count + 4);
}

TEST_F(SegmentLogTest, TheHeadIsNeverReleased) {
  Open();
  Put(1);
  ASSERT_TRUE(log_->ReleaseBefore(UINT32_MAX).ok());
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1}));
  Put(2);
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1, 2}));
}

TEST_F(SegmentLogTest, AFullDiskIsNoErrorAndTheReserveIsForWhatFreesRoom) {
  Open();
  disk_.set_capacity(disk_.used_size());
  uint64_t number = 0;
  AppendResult result = AppendResult::kOk;
  while ((result = Append(++number, 500)) == AppendResult::kOk) ASSERT_TRUE(log_->Sync().ok());
  EXPECT_EQ(result, AppendResult::kNoRoom);
  EXPECT_FALSE(log_->poisoned());
  EXPECT_TRUE(absl::IsResourceExhausted(log_->error())) << log_->error();
  EXPECT_EQ(Append(number, 500, /*frees_room=*/true), AppendResult::kOk);
  ASSERT_TRUE(log_->Sync().ok());
  EXPECT_EQ(log_->spare_count(), 0u);
  // What was freed comes back as spares; the next message is welcome without a restart.
  ASSERT_TRUE(log_->ReleaseBefore(log_->durable().segment).ok());
  disk_.set_capacity(UINT64_MAX);
  for (int i = 0; i < 30; ++i) Put(++number, 500);
}

TEST_F(SegmentLogTest, ItOpensOnAFullDiskAndReadsWhatIsThere) {
  Open();
  Put(1);
  ASSERT_TRUE(log_->Seal().ok());
  log_.reset();
  const std::vector<std::string> names = *directory_->List();
  for (const std::string& name : names) {
    if (ParseSpareName(name)) {
      ASSERT_TRUE(directory_->Remove(name).ok());
    }
  }
  disk_.set_capacity(0);
  Open();
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1}));
  EXPECT_EQ(Append(2), AppendResult::kNoRoom);
  disk_.set_capacity(UINT64_MAX);
  Put(3);
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1, 3}));
}

TEST_F(SegmentLogTest, LittleRoomIsUsedInSmallSegments) {
  disk_.set_capacity(3 * kOptions.segment_size_min);
  Open();
  Put(1);
  EXPECT_EQ(Append(2, 2 * kOptions.segment_size_min), AppendResult::kNoRoom);
  log_->BeginBatch();
  Put(3);
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1, 3}));
}

TEST_F(SegmentLogTest, WhatFitsNoSegmentIsNoFullDisk) {
  Open();
  Put(1);
  // A segment's worth: the record's header, two bytes of an envelope, the body, and the seal behind it.
  const size_t largest = kOptions.segment_size - kRecordHeaderSize - 2 - kRecordHeaderSize;
  EXPECT_EQ(Append(2, largest + 1), AppendResult::kTooLarge);
  EXPECT_EQ(Append(3, largest), AppendResult::kOk);
  EXPECT_EQ(Append(4, kOptions.segment_size, /*frees_room=*/true), AppendResult::kTooLarge);
  Put(5);
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1, 3, 5}));
}

// A disk that copies on write can refuse a write into room that it had promised.
TEST_F(SegmentLogTest, AWriteWithoutRoomSpoilsTheHeadAndNotTheLog) {
  Open();
  Put(1);
  log_->BeginBatch();
  for (uint64_t i = 2; i <= 4; ++i) ASSERT_EQ(Append(i), AppendResult::kOk);
  const Position refused = last_;
  disk_.FailAt(Operation::kWrite, 1, absl::ResourceExhaustedError("ENOSPC"));
  disk_.FailAt(Operation::kWrite, 2, absl::ResourceExhaustedError("ENOSPC"));  // of the seal
  EXPECT_FALSE(log_->Flush().ok());
  EXPECT_FALSE(log_->poisoned());
  EXPECT_FALSE(log_->Written(refused));
  log_->BeginBatch();
  EXPECT_EQ(Append(5), AppendResult::kNoRoom);  // no room for the seal either
  Put(6);
  EXPECT_GT(last_.segment, refused.segment);
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1, 6}));
  disk_.PowerCut(random_);
  Open();
  EXPECT_EQ(Numbers(), (std::vector<uint64_t>{1, 6}));
}

TEST_F(SegmentLogTest, ALogWithoutADescriptorForItsNextSegmentWaitsForOne) {
  const auto real = *disk_.Open("log");
  Moody directory(*real);
  log_ = *SegmentLog::Open(directory, kOptions, nullptr);
  directory.open_fails = true;
  log_->BeginBatch();
  AppendResult result = AppendResult::kOk;
  for (uint64_t number = 1; number < 20 && result == AppendResult::kOk; ++number) result = Append(number, 1000);
  EXPECT_EQ(result, AppendResult::kNoRoom);
  EXPECT_FALSE(log_->poisoned());
  directory.open_fails = false;
  Put(20, 1000);
  log_.reset();
}

TEST_F(SegmentLogTest, AFailedWriteOrSyncPoisonsForGood) {
  for (const Operation operation : {Operation::kWrite, Operation::kSync}) {
    Open();
    Put(1);
    disk_.FailAt(operation, 1, absl::InternalError("/log/segment: EIO"));
    ASSERT_EQ(Append(2), AppendResult::kOk);
    EXPECT_FALSE(log_->Sync().ok());
    EXPECT_TRUE(log_->poisoned());
    EXPECT_FALSE(log_->Durable(last_));
    EXPECT_EQ(log_->error().message(), "/log/segment: EIO");
    const uint64_t count = disk_.total_count();
    log_->BeginBatch();
    EXPECT_EQ(Append(3), AppendResult::kPoisoned);
    EXPECT_FALSE(log_->Flush().ok());
    EXPECT_FALSE(log_->Sync().ok());
    EXPECT_FALSE(log_->Seal().ok());
    EXPECT_FALSE(log_->ReleaseBefore(UINT32_MAX).ok());
    EXPECT_EQ(disk_.total_count(), count);  // it does not even try
  }
}

// What a failed sync has left in the system's memory is seen after a restart, and then it must be on the disk as well.
TEST_F(SegmentLogTest, WhatIsFoundAfterAFailedSyncIsMadeDurable) {
  for (int round = 0; round < 20; ++round) {
    Open();
    Put(1);
    log_->BeginBatch();
    for (uint64_t i = 2; i <= 20; ++i) ASSERT_EQ(Append(i), AppendResult::kOk);
    disk_.FailAt(Operation::kSync, 1, absl::InternalError("EIO"));
    EXPECT_FALSE(log_->Sync().ok());
    disk_.Kill();
    Open();
    const std::vector<uint64_t> found = Numbers();
    EXPECT_EQ(found.size() % 20, 0u);
    disk_.PowerCut(random_);
    Open();
    EXPECT_EQ(Numbers(), found);
    EXPECT_EQ(reader_->report().damage_count, 0u);
  }
}

TEST_F(SegmentLogTest, ATailThatCannotBeReadIsNotCut) {
  Open();
  Put(1);
  log_.reset();
  class SickFile final : public File {
   public:
    absl::StatusOr<size_t> ReadAt(std::span<char>, uint64_t) override { return absl::InternalError("EIO"); }
    absl::Status WriteAt(std::span<const std::string_view>, uint64_t) override { return absl::InternalError("EIO"); }
    absl::Status Sync() override { return absl::OkStatus(); }
    absl::StatusOr<uint64_t> Size() override { return 8192; }
  };
  SegmentReader reader(std::make_unique<SickFile>(), 3, 8192);
  RecordView record;
  EXPECT_EQ(reader.Next(record), SegmentReader::Result::kDamage);
  EXPECT_EQ(reader.Skip(), 8192u);
  EXPECT_FALSE(reader.read_error().ok());
}

TEST_F(SegmentLogTest, AFileThatIsNotOursIsNotTouchedAndAHalfMadeOneIsRemoved) {
  auto directory = *disk_.Open("log");
  ASSERT_TRUE(directory->Create("segment-1", 10).ok());
  ASSERT_TRUE(directory->Create("lock", 0).ok());
  ASSERT_TRUE(directory->Create(SpareName(9), 100).ok());
  Open();
  const std::vector<std::string> names = *directory_->List();
  EXPECT_NE(std::find(names.begin(), names.end(), "segment-1"), names.end());
  EXPECT_EQ(std::find(names.begin(), names.end(), SpareName(9)), names.end());
  Put(1);
  EXPECT_GT(last_.segment, 9u);
}

}  // namespace
}  // namespace postern
