#include "store/segment_writer.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "store/segment_reader.h"
#include "tests/sim/sim_disk.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

using Operation = SimDisk::Operation;
constexpr uint32_t kSize = 64 * 1024;

class SegmentWriterTest : public testing::Test {
 protected:
  SegmentWriter Make(bool written_before) { return {*directory_->Create("segment", kSize), 3, kSize, written_before}; }
  static RecordView Fragment(uint64_t number, std::string_view body) {
    RecordView record;
    record.kind = RecordKind::kFragment;
    record.message = Id(number);
    record.body = body;
    record.body_checksum = Checksum(body);
    record.sequence = number;
    return record;
  }
  SegmentReader Reader(uint32_t limit = kSize) { return {*directory_->OpenForRead("segment"), 3, limit}; }

  SimDisk disk_;
  std::unique_ptr<Directory> directory_ = *disk_.Open("log");
};

TEST_F(SegmentWriterTest, ABatchIsOneWriteAndOneSync) {
  SegmentWriter writer = Make(true);
  for (uint64_t i = 1; i <= 50; ++i) EXPECT_EQ(writer.Append(Fragment(i, "hello")).segment, 3u);
  EXPECT_EQ(writer.flushed_size(), 0u);
  ASSERT_TRUE(writer.Flush().ok());
  EXPECT_EQ(disk_.count(Operation::kWrite), 1u);
  EXPECT_EQ(writer.flushed_size(), 50 * RecordSize(0, 0, 5, 0));
  EXPECT_EQ(writer.durable_size(), 0u);
  ASSERT_TRUE(writer.Sync().ok());
  EXPECT_EQ(writer.durable_size(), writer.flushed_size());
  ASSERT_TRUE(writer.Flush().ok());
  ASSERT_TRUE(writer.Sync().ok());  // nothing to do, and nothing done
  EXPECT_EQ(disk_.count(Operation::kWrite), 1u);
  EXPECT_EQ(disk_.count(Operation::kSync), 1u);
}

TEST_F(SegmentWriterTest, RecordsKnowWhatWasDurableBeforeThem) {
  SegmentWriter writer = Make(true);
  writer.Append(Fragment(1, "one"));
  ASSERT_TRUE(writer.Flush().ok());
  ASSERT_TRUE(writer.Sync().ok());
  const uint32_t durable = writer.durable_size();
  writer.Append(Fragment(2, "two"));
  writer.AppendSeal(3);
  ASSERT_TRUE(writer.Flush().ok());
  SegmentReader reader = Reader();
  RecordView record;
  ASSERT_EQ(reader.Next(record), SegmentReader::Result::kRecord);
  EXPECT_EQ(record.body, "one");
  EXPECT_EQ(record.durable_size, 0u);
  ASSERT_EQ(reader.Next(record), SegmentReader::Result::kRecord);
  EXPECT_EQ(record.body, "two");
  EXPECT_EQ(record.durable_size, durable);
  ASSERT_EQ(reader.Next(record), SegmentReader::Result::kRecord);
  EXPECT_EQ(record.kind, RecordKind::kSealed);
  EXPECT_EQ(record.sequence, 3u);
}

TEST_F(SegmentWriterTest, ANewFileIsFilledWithZerosOnceAndAnOldOneNever) {
  SegmentWriter writer = Make(false);
  EXPECT_FALSE(writer.written());
  writer.Append(Fragment(1, "one"));
  ASSERT_TRUE(writer.Flush().ok());
  EXPECT_TRUE(writer.written());
  const uint64_t count = disk_.count(Operation::kWrite);
  EXPECT_GT(count, 1u);
  writer.Append(Fragment(2, "two"));
  ASSERT_TRUE(writer.Flush().ok());
  EXPECT_EQ(disk_.count(Operation::kWrite), count + 1);
}

TEST_F(SegmentWriterTest, TheSealAlwaysFits) {
  SegmentWriter writer = Make(true);
  const uint64_t all = kSize - kRecordHeaderSize;
  EXPECT_TRUE(writer.HasRoom(all));
  EXPECT_FALSE(writer.HasRoom(all + 8));
  const std::string body(all - kRecordHeaderSize, 'x');
  writer.Append(Fragment(1, body));
  EXPECT_FALSE(writer.HasRoom(kRecordHeaderSize));
  writer.AppendSeal(2);
  EXPECT_TRUE(writer.Flush().ok());
  EXPECT_EQ(writer.flushed_size(), kSize);
}

TEST_F(SegmentWriterTest, AFullBatchStillTakesTheSeal) {
  SegmentWriter writer = Make(true);
  uint64_t number = 0;
  while (!writer.batch_full()) writer.Append(Fragment(++number, "x"));
  writer.AppendSeal(++number);
  ASSERT_TRUE(writer.Flush().ok());
  EXPECT_FALSE(writer.batch_full());
  SegmentReader reader = Reader();
  RecordView record;
  for (uint64_t i = 1; i <= number; ++i) {
    ASSERT_EQ(reader.Next(record), SegmentReader::Result::kRecord);
    EXPECT_EQ(record.sequence, i);
  }
}

TEST_F(SegmentWriterTest, WhatWasDroppedIsWrittenNowhere) {
  SegmentWriter writer = Make(true);
  const Position first = writer.Append(Fragment(1, "one"));
  writer.Drop();
  EXPECT_EQ(writer.Append(Fragment(2, "two")), first);
  ASSERT_TRUE(writer.Flush().ok());
  SegmentReader reader = Reader();
  RecordView record;
  ASSERT_EQ(reader.Next(record), SegmentReader::Result::kRecord);
  EXPECT_EQ(record.body, "two");
}

TEST_F(SegmentWriterTest, FailuresAreTold) {
  SegmentWriter writer = Make(true);
  writer.Append(Fragment(1, "one"));
  disk_.FailAt(Operation::kWrite, 1, absl::InternalError("EIO"));
  EXPECT_FALSE(writer.Flush().ok());
  EXPECT_EQ(writer.flushed_size(), 0u);
  ASSERT_TRUE(writer.Flush().ok());
  disk_.FailAt(Operation::kSync, 1, absl::InternalError("EIO"));
  EXPECT_FALSE(writer.Sync().ok());
  EXPECT_EQ(writer.durable_size(), 0u);
}

TEST_F(SegmentWriterTest, TheReaderFindsTheNextRecordBehindDamage) {
  SegmentWriter writer = Make(true);
  std::vector<Position> positions;
  for (uint64_t i = 1; i <= 4; ++i) positions.push_back(writer.Append(Fragment(i, "0123456789")));
  ASSERT_TRUE(writer.Flush().ok());
  const uint32_t end = writer.flushed_size();
  auto file = *directory_->OpenForWrite("segment");
  const std::string_view rubbish = "?";
  ASSERT_TRUE(file->WriteAt({&rubbish, 1}, positions[1].offset + 20).ok());  // a header
  ASSERT_TRUE(file->WriteAt({&rubbish, 1}, positions[2].offset + 64).ok());  // a body
  SegmentReader reader = Reader(end);
  RecordView record;
  ASSERT_EQ(reader.Next(record), SegmentReader::Result::kRecord);
  ASSERT_EQ(reader.Next(record), SegmentReader::Result::kDamage);
  EXPECT_EQ(record.message, MessageId{});
  EXPECT_EQ(reader.Skip(), positions[2].offset - positions[1].offset);
  ASSERT_EQ(reader.Next(record), SegmentReader::Result::kDamage);
  EXPECT_EQ(record.message, Id(3));
  EXPECT_EQ(reader.Skip(), positions[3].offset - positions[2].offset);
  ASSERT_EQ(reader.Next(record), SegmentReader::Result::kRecord);
  EXPECT_EQ(record.message, Id(4));
  EXPECT_EQ(reader.Next(record), SegmentReader::Result::kEnd);
  EXPECT_TRUE(reader.read_error().ok());
}

}  // namespace
}  // namespace postern
