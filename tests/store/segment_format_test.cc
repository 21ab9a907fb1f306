#include "store/segment_format.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

constexpr Position kPlace{7, 640};

std::string Encode(RecordView record) {
  record.position = kPlace;
  record.body_checksum = Checksum(record.body);
  std::array<char, kRecordHeaderSize> header;
  EncodeHeader(record, header);
  std::string bytes(header.data(), header.size());
  bytes.append(reinterpret_cast<const char*>(record.fragments.data()), record.fragments.size_bytes());
  bytes.append(record.head).append(record.state).append(record.body);
  bytes.resize(RecordSize(record), '\0');
  return bytes;
}

RecordStatus Decode(std::string_view bytes, Position position = kPlace) {
  std::vector<Position> fragments;
  RecordView view;
  return DecodeRecord(bytes, position, fragments, view);
}

RecordView Moved(const std::vector<Position>& fragments) {
  RecordView record;
  record.kind = RecordKind::kMoved;
  record.message = {0x123456789abcdef0};
  record.durable_size = 512;
  record.message_size = 9999;
  record.sequence = 42;
  record.head = "envelope";
  record.state = "state";
  record.body = "body!";
  record.fragments = fragments;
  return record;
}

TEST(SegmentFormat, WhatIsWrittenIsRead) {
  const std::vector<Position> pieces = {{6, 0}, {7, 64}};
  const RecordView record = Moved(pieces);
  const std::string bytes = Encode(record);
  EXPECT_EQ(bytes.size() % kRecordAlignment, 0u);
  std::vector<Position> fragments;
  RecordView view;
  ASSERT_EQ(DecodeRecord(bytes, kPlace, fragments, view), RecordStatus::kOk);
  EXPECT_EQ(view.kind, record.kind);
  EXPECT_EQ(view.message, record.message);
  EXPECT_EQ(view.position, kPlace);
  EXPECT_EQ(view.size_on_disk, bytes.size());
  EXPECT_EQ(view.durable_size, record.durable_size);
  EXPECT_EQ(view.message_size, record.message_size);
  EXPECT_EQ(view.sequence, record.sequence);
  EXPECT_EQ(view.head, record.head);
  EXPECT_EQ(view.state, record.state);
  EXPECT_EQ(view.body, record.body);
  EXPECT_EQ(std::vector<Position>(view.fragments.begin(), view.fragments.end()), pieces);
}

TEST(SegmentFormat, WhatNoOneKnowsIsNoRecord) {
  RecordView record = Moved({});
  record.kind = RecordKind::kReport;
  EXPECT_EQ(Decode(Encode(record)), RecordStatus::kOk);
  for (const int kind : {0, 7, 255}) {
    record.kind = static_cast<RecordKind>(kind);
    EXPECT_EQ(Decode(Encode(record)), RecordStatus::kBadHeader) << kind;
  }
}

TEST(SegmentFormat, ASettlementNamesItsMessage) {
  const std::string bytes = EncodeSettlement({.about = {0x0102030405060708}, .outcome = "outcome"});
  EXPECT_EQ(bytes, "\x08\x07\x06\x05\x04\x03\x02\x01outcome");
  const std::optional<Settlement> settlement = ParseSettlement(bytes);
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->about.number, 0x0102030405060708u);
  EXPECT_EQ(settlement->outcome, "outcome");
  EXPECT_EQ(ParseSettlement(bytes.substr(0, 8))->outcome, "");
  EXPECT_EQ(ParseSettlement(bytes.substr(0, 7)), std::nullopt);
}

TEST(SegmentFormat, TheSmallestRecordIsAHeader) {
  const std::string bytes = Encode({});
  EXPECT_EQ(bytes.size(), kRecordHeaderSize);
  EXPECT_EQ(Decode(bytes), RecordStatus::kOk);
}

TEST(SegmentFormat, EveryFlippedBitIsNoticed) {
  const std::vector<Position> pieces = {{6, 0}};
  const std::string good = Encode(Moved(pieces));
  const size_t written = kRecordHeaderSize + 8 + 8 + 5 + 5;  // behind it there are zeros that mean nothing
  for (size_t bit = 0; bit < written * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    const RecordStatus expected = bit < kRecordHeaderSize * 8 ? RecordStatus::kBadHeader : RecordStatus::kBadContent;
    ASSERT_EQ(Decode(bad), expected) << "bit " << bit;
  }
}

TEST(SegmentFormat, ARecordBelongsToOnePlace) {
  const std::string bytes = Encode({});
  EXPECT_EQ(Decode(bytes, {kPlace.segment + 1, kPlace.offset}), RecordStatus::kBadHeader);
  EXPECT_EQ(Decode(bytes, {kPlace.segment, kPlace.offset + 8}), RecordStatus::kBadHeader);
}

TEST(SegmentFormat, APartOfARecordSaysHowMuchIsMissing) {
  const std::string bytes = Encode(Moved({}));
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::vector<Position> fragments;
    RecordView view;
    const RecordStatus status = DecodeRecord(std::string_view(bytes).substr(0, size), kPlace, fragments, view);
    if (size < kRecordHeaderSize) {
      ASSERT_EQ(status, RecordStatus::kBadHeader) << size;
    } else {
      ASSERT_EQ(status, RecordStatus::kNeedMore) << size;
      ASSERT_EQ(view.size_on_disk, bytes.size());
    }
  }
}

TEST(SegmentFormat, AMoveNeedNotReadTheBody) {
  std::string bytes = Encode(Moved({}));
  bytes[kRecordHeaderSize + 8 + 5] ^= 1;
  std::vector<Position> fragments;
  RecordView view;
  EXPECT_EQ(DecodeRecord(bytes, kPlace, fragments, view, Verify::kAllButBody), RecordStatus::kOk);
  EXPECT_EQ(DecodeRecord(bytes, kPlace, fragments, view, Verify::kAll), RecordStatus::kBadContent);
}

TEST(SegmentFormat, AHeadIsReadWithoutItsBody) {
  const std::string whole = Encode(Moved({}));
  std::vector<Position> fragments;
  RecordView view;
  const RecordView all = [&] {
    RecordView record;
    EXPECT_EQ(DecodeRecord(whole, kPlace, fragments, record), RecordStatus::kOk);
    return record;
  }();
  const size_t head_size = static_cast<size_t>(all.body.data() - whole.data());
  for (size_t size = kRecordHeaderSize; size <= whole.size(); ++size) {
    const RecordStatus status =
        DecodeRecord(std::string_view(whole).substr(0, size), kPlace, fragments, view, Verify::kHead);
    ASSERT_EQ(status, size < head_size ? RecordStatus::kNeedMore : RecordStatus::kOk) << size;
    EXPECT_EQ(view.size_on_disk, whole.size());
    if (status != RecordStatus::kOk) continue;
    EXPECT_EQ(view.head, all.head);
    EXPECT_EQ(view.state, all.state);
    EXPECT_EQ(view.has_body, size == whole.size());
    EXPECT_EQ(view.body, view.has_body ? all.body : "");
  }
  std::string damaged = whole;
  damaged[head_size] ^= 1;
  EXPECT_EQ(DecodeRecord(damaged, kPlace, fragments, view, Verify::kHead), RecordStatus::kBadContent);
  damaged.resize(head_size);
  damaged[head_size - 1] ^= 1;
  EXPECT_EQ(DecodeRecord(damaged, kPlace, fragments, view, Verify::kHead), RecordStatus::kBadContent);
}

TEST(SegmentFormat, SizesBeyondASegmentAreNoRecord) {
  RecordView record;
  record.position = {7, kSegmentSizeMax - 64};
  std::array<char, kRecordHeaderSize> header;
  EncodeHeader(record, header);
  EXPECT_EQ(Decode({header.data(), header.size()}, record.position), RecordStatus::kOk);
  record.head = "x";
  EncodeHeader(record, header);
  EXPECT_EQ(Decode({header.data(), header.size()}, record.position), RecordStatus::kBadHeader);
}

TEST(SegmentFormat, NamesAreReadBackAndOthersAreNot) {
  EXPECT_EQ(SegmentName(7), "segment-0000000007");
  EXPECT_EQ(ParseSegmentName(SegmentName(kSegmentNumberMax)), kSegmentNumberMax);
  EXPECT_EQ(ParseSegmentName(SegmentName(kSegmentNumberMax + 1)), std::nullopt);
  EXPECT_EQ(ParseSpareName(SpareName(1)), 1u);
  for (const char* name : {"", "segment-", "segment-7", "segment-0000000000", "segment-00000000070",
                           "segment-000000000x", "segment-+000000007", "segment-9999999999", "spare-0000000007"}) {
    EXPECT_EQ(ParseSegmentName(name), std::nullopt) << name;
  }
}

TEST(SegmentFormat, PositionsSortByAge) {
  EXPECT_LT((Position{1, 100}), (Position{2, 0}));
  EXPECT_EQ(Position::Unpack(kPlace.Pack()), kPlace);
}

}  // namespace
}  // namespace postern
