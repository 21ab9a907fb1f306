#include "store/log_reader.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "store/segment_log.h"
#include "tests/sim/sim_disk.h"
#include "tests/store/moody_directory.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

class LogReaderTest : public testing::Test {
 protected:
  Position Append(NewRecord record) {
    log_->BeginBatch();
    Position position;
    EXPECT_EQ(log_->Append(record, position), AppendResult::kOk);
    EXPECT_TRUE(log_->Sync().ok());
    return position;
  }
  Position Fragment(uint64_t number, std::string_view body) {
    return Append({.kind = RecordKind::kFragment, .message = Id(number), .body = body});
  }
  Position Accept(uint64_t number, const std::vector<Position>& fragments, std::string_view body, uint32_t size) {
    return Append({.kind = RecordKind::kAccepted,
                   .message = Id(number),
                   .head = envelope_,
                   .body = body,
                   .fragments = fragments,
                   .message_size = size});
  }

  SimDisk disk_;
  std::unique_ptr<Directory> directory_ = *disk_.Open("log");
  std::unique_ptr<SegmentLog> log_ =
      *SegmentLog::Open(*directory_, {.segment_size = 256 * 1024, .segment_size_min = 4096}, nullptr);
  const std::string envelope_ = EncodeEnvelope(2);
};

TEST_F(LogReaderTest, ItFollowsTheLogAsItGrows) {
  LogReader reader(*directory_, nullptr);
  EXPECT_EQ(reader.Next(log_->durable()), std::nullopt);
  const std::string body(20'000, 'x');
  for (uint64_t i = 1; i <= 60; ++i) {  // over several segments
    const Position position = Fragment(i, body);
    const auto record = reader.Next(log_->durable());
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->position, position);
    EXPECT_EQ(record->body, body);
    EXPECT_EQ(reader.Next(log_->durable()), std::nullopt);
  }
  EXPECT_GT(reader.position().segment, log_->oldest_segment() + 2);
  EXPECT_TRUE(reader.error().ok());
}

TEST_F(LogReaderTest, BodiesThatItPassesOverAreCheckedWhenTheyAreRead) {
  const std::string body(100'000, 'x');
  const std::string_view rubbish = "?";
  LogReader reader(*directory_, nullptr);
  EXPECT_EQ(reader.Next(log_->durable()), std::nullopt);
  reader.PassOverBodies();
  for (uint64_t i = 1; i <= 6; ++i) {  // over several segments
    const Position position = Accept(i, {}, body, body.size());
    const bool is_damaged = i % 2 == 0;
    auto file = *directory_->OpenForWrite(SegmentName(position.segment));
    ASSERT_TRUE(file->WriteAt({is_damaged ? &rubbish : nullptr, is_damaged ? 1u : 0u}, position.offset + 50'000).ok());
    const auto record = reader.Next(log_->durable());
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->position, position);
    EXPECT_EQ(record->head, envelope_);
    EXPECT_FALSE(record->has_body);
    auto message = *reader.ReadAccepted(position);
    EXPECT_EQ(absl::IsDataLoss(message->NextChunk().status()), is_damaged);
  }
  EXPECT_EQ(reader.report().damage_count, 0u);
  EXPECT_EQ(reader.Next(log_->durable()), std::nullopt);
}

TEST_F(LogReaderTest, NothingBeyondTheFrontierIsShown) {
  const Position first = Fragment(1, "one");
  const Position second = Fragment(2, "two");
  LogReader reader(*directory_, nullptr);
  EXPECT_EQ(reader.Next(first), std::nullopt);
  EXPECT_TRUE(reader.Next(second).has_value());
  EXPECT_EQ(reader.Next(second), std::nullopt);
  EXPECT_TRUE(reader.Next(log_->durable()).has_value());
}

TEST_F(LogReaderTest, WhatTheProgramHasDiedOverIsPassedOverToldAndKept) {
  std::vector<Position> positions;
  for (uint64_t i = 1; i <= 4; ++i) positions.push_back(Fragment(i, std::string(100 * i, 'x')));
  auto quarantine = *disk_.Open("quarantine");
  LogReader reader(*directory_, quarantine.get());
  reader.PassOver({positions[1], {positions[3].segment, positions[3].offset + 8}});
  std::vector<MessageId> shown;
  while (const auto record = reader.Next(log_->durable())) shown.push_back(record->message);
  EXPECT_EQ(shown, (std::vector<MessageId>{Id(1), Id(3), Id(4)}));
  ASSERT_EQ(reader.report().damage.size(), 1u);
  const Damage& damage = reader.report().damage[0];
  EXPECT_EQ(damage.kind, DamageKind::kPassedOver);
  EXPECT_EQ(damage.position, positions[1]);
  EXPECT_EQ(damage.size, positions[2].offset - positions[1].offset);
  EXPECT_NE(damage.copied_to, "");
  EXPECT_EQ(reader.oldest_unread_segment(), positions[1].segment);
}

TEST_F(LogReaderTest, WhereItReadsIsNoted) {
  const Position first = Fragment(1, "one");
  const Position second = Fragment(2, "two");
  WorkSlot slot;
  LogReader reader(*directory_, nullptr);
  reader.set_slot(&slot);
  ASSERT_TRUE(reader.Next(log_->durable()).has_value());
  EXPECT_EQ(slot.position, first.Pack());
  EXPECT_EQ(slot.message, Id(1).number);
  ASSERT_TRUE(reader.Next(log_->durable()).has_value());
  EXPECT_EQ(slot.position, second.Pack());
  EXPECT_EQ(slot.message, Id(2).number);
}

TEST_F(LogReaderTest, APassingErrorHidesNothing) {
  Fragment(1, "one");
  Moody directory(*directory_);
  LogReader reader(directory, nullptr);
  directory.list_fails = true;
  EXPECT_EQ(reader.Next(log_->durable()), std::nullopt);
  EXPECT_FALSE(reader.error().ok());
  directory.list_fails = false;
  directory.open_fails = true;
  EXPECT_EQ(reader.Next(log_->durable()), std::nullopt);
  EXPECT_EQ(reader.error().message(), "open: too many open files");
  directory.open_fails = false;
  EXPECT_TRUE(reader.Next(log_->durable()).has_value());
  EXPECT_TRUE(reader.error().ok());
  EXPECT_EQ(reader.report().damage_count, 0u);
}

TEST_F(LogReaderTest, WhatTheDiskCannotReadIsPassedOverAndNeverGivenUp) {
  const std::string body(20'000, 'x');
  std::vector<Position> positions;
  for (uint64_t i = 1; i <= 40; ++i) positions.push_back(Accept(i, {}, body, static_cast<uint32_t>(body.size())));
  Moody directory(*directory_);
  directory.sick_name = SegmentName(positions[20].segment);
  directory.sick_offset = positions[20].offset + 10'000;
  const std::unique_ptr<Directory> quarantine = *disk_.Open("quarantine");
  LogReader reader(directory, quarantine.get());
  size_t count = 0;
  while (reader.Next(log_->durable()).has_value()) ++count;
  EXPECT_EQ(count, 39u);
  EXPECT_EQ(reader.oldest_unread_segment(), positions[20].segment);
  ASSERT_EQ(reader.report().damage.size(), 1u);
  EXPECT_EQ(reader.report().damage[0].position, positions[20]);
  EXPECT_EQ(reader.report().damage[0].message, Id(21));
  EXPECT_EQ(reader.report().damage[0].error, "read: I/O error");
  EXPECT_TRUE(quarantine->List()->empty());  // when it can be read, the copy of today would be in the way

  LogReader later(*directory_, quarantine.get());  // the disk is well again
  count = 0;
  while (later.Next(log_->durable()).has_value()) ++count;
  EXPECT_EQ(count, 40u);
  EXPECT_EQ(later.oldest_unread_segment(), UINT32_MAX);
}

TEST_F(LogReaderTest, AMessageIsReadInPieces) {
  const std::string one = Body(1, 30'000);
  const std::string two = Body(2, 30'000);
  const std::vector<Position> fragments = {Fragment(1, one), Fragment(1, two)};
  const Position position = Accept(1, fragments, "end", 60'003);
  auto reader = *MessageReader::Open(*directory_, position);
  EXPECT_EQ(reader->message(), Id(1));
  EXPECT_EQ(reader->size(), 60'003u);
  EXPECT_EQ(reader->envelope_bytes(), envelope_);
  EXPECT_EQ(reader->envelope().recipients.size(), 2u);
  EXPECT_EQ(*reader->NextChunk(), one);
  EXPECT_EQ(*reader->NextChunk(), two);
  EXPECT_EQ(*reader->NextChunk(), "end");
  EXPECT_EQ(*reader->NextChunk(), "");
  EXPECT_EQ(*reader->NextChunk(), "");
}

TEST_F(LogReaderTest, AMessageIsReadAgainFromAnyPlace) {
  const std::string one = Body(1, 30'000);
  auto reader = *MessageReader::Open(*directory_, Accept(1, {Fragment(1, one)}, "end", 30'003));
  for (int count = 0; count < 4; ++count) {
    for (int piece = 0; piece < count; ++piece) EXPECT_TRUE(reader->NextChunk().ok());
    reader->Rewind();
    EXPECT_EQ(*reader->NextChunk(), one);
    EXPECT_EQ(*reader->NextChunk(), "end");
    EXPECT_EQ(*reader->NextChunk(), "");
    reader->Rewind();
  }
}

TEST_F(LogReaderTest, AReportIsReadLikeAnyMessage) {
  const Position piece = Fragment(1, "one ");
  const Position position = Append({.kind = RecordKind::kReport,
                                    .message = Id(1),
                                    .head = envelope_,
                                    .state = EncodeSettlement({.about = Id(9)}),
                                    .body = "two",
                                    .fragments = {&piece, 1},
                                    .message_size = 7});
  EXPECT_EQ(*ReadBody(*directory_, position), "one two");
}

TEST_F(LogReaderTest, APieceIsNeverLargerThanSaid) {
  const std::string body = Body(1, MessageReader::kChunkSizeMax + 5);
  const Position position = Accept(1, {}, body, static_cast<uint32_t>(body.size()));
  auto reader = *MessageReader::Open(*directory_, position);
  EXPECT_EQ(reader->NextChunk()->size(), MessageReader::kChunkSizeMax);
  EXPECT_EQ(reader->NextChunk()->size(), 5u);
  EXPECT_EQ(*reader->NextChunk(), "");
  EXPECT_EQ(*ReadBody(*directory_, position), body);
}

TEST_F(LogReaderTest, AnEmptyMessageHasNoPieces) { EXPECT_EQ(*ReadBody(*directory_, Accept(1, {}, "", 0)), ""); }

TEST_F(LogReaderTest, WhatIsMissingIsNeverPassedOver) {
  const auto loss = [&](Position position) {
    const auto body = ReadBody(*directory_, position);
    EXPECT_TRUE(absl::IsDataLoss(body.status())) << body.status();
    return std::string(body.status().message());
  };
  const Position mine = Fragment(1, "mine");
  EXPECT_TRUE(absl::StrContains(loss(mine), "no message at"));
  EXPECT_TRUE(absl::StrContains(loss({mine.segment, mine.offset + 8}), "no whole record at"));
  EXPECT_TRUE(absl::StrContains(loss({999, 0}), "segment-0000000999: no file at 0"));
  EXPECT_TRUE(absl::StrContains(loss(Accept(2, {mine}, "", 4)), "another record at"));
  EXPECT_TRUE(absl::StrContains(loss(Accept(1, {Position{}}, "", 4)), "was lost before it was moved"));
  EXPECT_TRUE(absl::StrContains(loss(Accept(1, {mine}, "", 5)), "the pieces have 4 bytes, the message 5"));
  const Position damaged = Fragment(1, "damaged");
  auto file = *directory_->OpenForWrite(SegmentName(damaged.segment));
  const std::string_view rubbish = "?";
  ASSERT_TRUE(file->WriteAt({&rubbish, 1}, damaged.offset + kRecordHeaderSize).ok());
  EXPECT_TRUE(absl::StrContains(loss(Accept(1, {damaged}, "", 7)), "no whole record at"));
  const Position odd = Append({.kind = RecordKind::kAccepted, .message = Id(1), .head = "no envelope"});
  EXPECT_TRUE(absl::StrContains(loss(odd), "no envelope"));
}

TEST_F(LogReaderTest, ALostMessageStaysLostWhenAskedAgain) {
  auto reader = *MessageReader::Open(*directory_, Accept(1, {}, "four", 5));
  EXPECT_FALSE(reader->NextChunk().ok());
  EXPECT_FALSE(reader->NextChunk().ok());
  reader->Rewind();
  EXPECT_FALSE(reader->NextChunk().ok());
}

}  // namespace
}  // namespace postern
