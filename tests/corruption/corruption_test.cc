// The corruption matrix: a log is damaged at every place and in every way that a disk, a file system or an operator has
// at hand, and then started. What was hit is told and kept, all else is delivered as it was written, nothing crashes;
// CheckLog says before what the start finds, and after RepairLog a start finds nothing.

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/log_reader.h"
#include "store/segment_reader.h"
#include "tests/corruption/expectation.h"
#include "tests/corruption/log_image.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

class CorruptionTest : public testing::TestWithParam<bool> {
 protected:
  // Shut down in good order, or killed.
  const WrittenLog log_ = WriteLog(1, GetParam());
};
INSTANTIATE_TEST_SUITE_P(Ends, CorruptionTest, testing::Bool(),
                         [](const auto& param) { return param.param ? "Sealed" : "Killed"; });

TEST_P(CorruptionTest, WithoutDamageAllIsThere) {
  ASSERT_GE(Segments(log_.files).size(), 3u);
  ExpectOnlyLost(log_, log_.files, {});
  std::set<RecordKind> kinds;
  for (const ImageRecord& record : log_.records) kinds.insert(record.kind);
  EXPECT_EQ(kinds.size(), 6u) << "the log holds a record of every kind";
}

TEST_P(CorruptionTest, OneBitAtEveryByte) {
  for (const uint32_t segment : Segments(log_.files)) {
    // Only in its last segment does a killed log differ from one that was shut down.
    if (!GetParam() && segment != log_.last_segment) continue;
    const std::string name = SegmentName(segment);
    for (size_t offset = 0; offset < log_.files.at(name).size(); ++offset) {
      SCOPED_TRACE(absl::StrCat(name, " at ", offset));
      LogImage image = log_.files;
      image[name][offset] = static_cast<char>(image[name][offset] ^ 1 << (offset * 5 % 8));
      const Depth depth = offset % 7 == 0 ? Depth::kStartAndRepair : Depth::kStart;
      ExpectOnlyLost(log_, image, Hit(log_, segment, offset, offset + 1), depth);
      if (HasFailure()) return;
    }
  }
}

TEST_P(CorruptionTest, TruncatedAtEveryRecordAndAroundIt) {
  for (const uint32_t segment : Segments(log_.files)) {
    const std::string name = SegmentName(segment);
    std::set<size_t> sizes = {0, 1, 7, 8};
    for (const ImageRecord& record : log_.records) {
      if (record.position.segment != segment) continue;
      for (const int delta : {-64, -8, -1, 0, 1, 8, 63, 64, 65}) {
        const int64_t size = int64_t{record.end()} + delta;
        sizes.insert(std::min(static_cast<size_t>(size), log_.files.at(name).size()));
      }
    }
    for (const size_t size : sizes) {
      SCOPED_TRACE(absl::StrCat(name, " to ", size));
      LogImage image = log_.files;
      image[name].resize(size);
      Places lost;  // with its padding: what goes beyond its file is no record
      for (const ImageRecord& record : log_.records) {
        if (record.position.segment == segment && record.end() > size) lost.insert(record.position);
      }
      const Left left = WhatIsLeft(log_, lost);
      const Recovered found = ExpectSoundStart(image);
      EXPECT_EQ(Text(Shown(found)), Text(left.shown));
      const bool told = Tells(found, DamageKind::kCutOff) || Tells(found, DamageKind::kBroken);
      EXPECT_EQ(told, !left.damaged.empty());
      if (HasFailure()) return;
    }
  }
}

TEST_P(CorruptionTest, ZeroedFromEveryPlace) {
  for (const uint32_t segment : Segments(log_.files)) {
    const std::string name = SegmentName(segment);
    const size_t file_size = log_.files.at(name).size();
    for (size_t from = 0; from < file_size; from += 64) {
      for (const size_t size : {size_t{64}, size_t{512}, file_size}) {
        SCOPED_TRACE(absl::StrCat(name, " from ", from, ", ", size));
        const size_t to = std::min(from + size, file_size);
        LogImage image = log_.files;
        std::fill(image[name].begin() + static_cast<std::ptrdiff_t>(from),
                  image[name].begin() + static_cast<std::ptrdiff_t>(to), '\0');
        Places lost = Hit(log_, segment, from, to);
        // Where nothing but zeros was, nothing was lost.
        std::erase_if(lost, [&](Position place) {
          const auto at = static_cast<std::ptrdiff_t>(place.offset);
          const ImageRecord& record = *std::find_if(log_.records.begin(), log_.records.end(),
                                                    [&](const ImageRecord& r) { return r.position == place; });
          const auto end = at + static_cast<std::ptrdiff_t>(record.checked_size);
          return std::equal(image[name].begin() + at, image[name].begin() + end, log_.files.at(name).begin() + at);
        });
        ExpectOnlyLost(log_, image, lost);
        if (HasFailure()) return;
      }
    }
  }
}

TEST_P(CorruptionTest, APieceOfAnotherSegmentWrittenOverIt) {
  for (const uint32_t from : Segments(log_.files)) {
    for (const uint32_t to : Segments(log_.files)) {
      for (const size_t offset : {0, 512, 1024}) {
        if (from == to) continue;
        SCOPED_TRACE(absl::StrCat(from, " over ", to, " at ", offset));
        LogImage image = log_.files;
        image[SegmentName(to)].replace(offset, 512, log_.files.at(SegmentName(from)), offset, 512);
        ExpectOnlyLost(log_, image, Hit(log_, to, offset, offset + 512));
        if (HasFailure()) return;
      }
    }
  }
}

TEST_P(CorruptionTest, FilesWithEachOthersNamesArePutBack) {
  std::vector<uint32_t> numbers = Segments(log_.files);
  std::vector<uint32_t> names = numbers;
  const Recovered whole = ExpectSoundStart(log_.files);
  while (std::next_permutation(names.begin(), names.end())) {
    if (numbers.size() > 4 && names[0] == numbers[0] && names[1] == numbers[1]) continue;
    LogImage image = log_.files;
    size_t moved_count = 0;
    for (size_t i = 0; i < numbers.size(); ++i) {
      image[SegmentName(names[i])] = log_.files.at(SegmentName(numbers[i]));
      moved_count += names[i] != numbers[i] ? 1 : 0;
    }
    const Recovered found = ExpectSoundStart(image);
    ASSERT_EQ(found.shown, whole.shown);
    ASSERT_EQ(found.opened.misplaced.size(), moved_count);
    ASSERT_EQ(found.read.damage_count, 0u);
    ExpectSameQueue(found, whole);
    if (HasFailure()) return;
  }
}

TEST_P(CorruptionTest, ExchangedFilesOfWhichOneHasLostItsFirstRecord) {
  for (const uint32_t one : Segments(log_.files)) {
    for (const uint32_t other : Segments(log_.files)) {
      if (one == other) continue;
      SCOPED_TRACE(absl::StrCat(one, " with ", other));
      LogImage image = log_.files;
      std::swap(image[SegmentName(one)], image[SegmentName(other)]);
      image[SegmentName(one)][0] ^= 1;  // it is `other`, and nothing tells it any more
      ExpectOnlyLost(log_, image, {Position{other, 0}});
    }
  }
}

TEST_P(CorruptionTest, ACopyOfAnotherSegmentTakesNothingBesideWhatItLiesOn) {
  const std::vector<uint32_t> numbers = Segments(log_.files);
  const uint32_t last = numbers.back();
  for (const uint32_t from : numbers) {
    for (const uint32_t to : numbers) {
      if (from == to) continue;
      SCOPED_TRACE(absl::StrCat(from, " over ", to));
      LogImage image = log_.files;
      image[SegmentName(to)] = image.at(SegmentName(from));
      const Left left = WhatIsLeft(log_, Hit(log_, to, 0, SIZE_MAX));
      const Recovered found = ExpectSoundStart(image);
      EXPECT_EQ(Text(Shown(found)), Text(left.shown));
      EXPECT_EQ(found.opened.misplaced.size(), 1u);
      EXPECT_EQ(Tells(found, DamageKind::kBroken), to != last);
    }
    SCOPED_TRACE(absl::StrCat(from, " once more"));
    LogImage image = log_.files;
    image[SegmentName(last + 7)] = image.at(SegmentName(from));
    EXPECT_EQ(ExpectSoundStart(image).shown.size(), ExpectSoundStart(log_.files).shown.size());
  }
}

TEST_P(CorruptionTest, AMissingSegmentIsMissed) {
  const std::vector<uint32_t> numbers = Segments(log_.files);
  for (size_t i = 1; i + 1 < numbers.size(); ++i) {
    LogImage image = log_.files;
    image.erase(SegmentName(numbers[i]));
    const Places lost = Hit(log_, numbers[i], 0, SIZE_MAX);
    const Recovered found = ExpectSoundStart(image);
    EXPECT_EQ(Text(Shown(found)), Text(WhatIsLeft(log_, lost).shown));
    ASSERT_EQ(found.read.damage.size(), 1u);
    EXPECT_EQ(found.read.damage[0].kind, DamageKind::kGap);
    EXPECT_EQ(found.read.damage[0].position.segment, numbers[i - 1]);
    EXPECT_EQ(found.read.damage[0].gap_count, lost.size());
  }
}

TEST_P(CorruptionTest, ASegmentOfAnotherLogIsToldAndTheRestServed) {
  const WrittenLog foreign = WriteLog(9, true);
  size_t replaced_count = 0;
  for (const uint32_t number : Segments(log_.files)) {
    const auto file = foreign.files.find(SegmentName(number));
    // Before the first one there is no number that it could break with.
    if (number == Segments(log_.files).front() || file == foreign.files.end()) continue;
    ++replaced_count;
    LogImage image = log_.files;
    image[SegmentName(number)] = file->second;
    const Recovered found = ExpectSoundStart(image);
    EXPECT_TRUE(Tells(found, DamageKind::kGap)) << number;
    for (const Position place : WhatIsLeft(log_, Hit(log_, number, 0, SIZE_MAX)).shown) {
      EXPECT_TRUE(Shown(found).contains(place)) << number;
    }
  }
  EXPECT_GE(replaced_count, 2u);
}

TEST_P(CorruptionTest, RubbishOfAnySizeAndNumberStopsNothing) {
  const Recovered whole = ExpectSoundStart(log_.files);
  const std::string rubbish = Body(9, 5000);
  for (const char* name :
       {"segment-4294967295", "segment-4000000001", "spare-4294967295", "segment-1", "segment-", "x"}) {
    LogImage image = log_.files;
    image[name] = rubbish;
    const LaidLog laid = LayDown(image);
    EXPECT_EQ(Recover(laid).shown, whole.shown) << name;
    EXPECT_EQ(Recover(laid).shown, whole.shown) << name;
  }
  LogImage image = log_.files;
  image[SegmentName(3'000'000'000)] = rubbish;
  EXPECT_EQ(ExpectSoundStart(image).shown, whole.shown);
  // There it stands in the way of every number to come, and only its owner can know what it is.
  image[SegmentName(kSegmentNumberMax)] = rubbish;
  EXPECT_TRUE(absl::StrContains(Recover(LayDown(image)).status.message(), "segment-4000000000"));
}

// A file that says of every read how far it went.
class WatchedFile final : public File {
 public:
  WatchedFile(std::string bytes, size_t& size_max) : bytes_(std::move(bytes)), size_max_(size_max) {}
  absl::StatusOr<size_t> ReadAt(std::span<char> bytes, uint64_t offset) override {
    size_max_ = std::max(size_max_, bytes.size());
    if (offset >= bytes_.size()) return 0;
    return bytes_.copy(bytes.data(), bytes.size(), offset);
  }
  absl::Status WriteAt(std::span<const std::string_view>, uint64_t) override { return absl::OkStatus(); }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<uint64_t> Size() override { return bytes_.size(); }

 private:
  const std::string bytes_;
  size_t& size_max_;
};

// A header with right checksums that claims `size` bytes of the field at `field`.
std::string Claim(size_t field, uint32_t size, Position position) {
  std::array<char, kRecordHeaderSize> header;
  EncodeHeader({.kind = RecordKind::kAccepted, .message = Id(1), .position = position}, header);
  std::memcpy(header.data() + field, &size, sizeof size);
  const uint32_t checksum = Checksum({header.data() + 4, header.size() - 4});
  std::memcpy(header.data(), &checksum, sizeof checksum);
  return {header.data(), header.size()};
}

TEST(Corruption, NoHeaderMakesAReaderTakeMoreThanThereIs) {
  constexpr uint32_t kNumber = 3;
  for (const size_t field : {24, 28, 32, 36}) {  // sizes of head, state and body, and the count of fragments
    for (const uint32_t size : {1u << 20, 1u << 28, (1u << 31) - 200, UINT32_MAX - 100, UINT32_MAX}) {
      const std::string bytes = Claim(field, size, {kNumber, 0}) + std::string(8192, '\0');
      size_t read_max = 0;
      SegmentReader reader(std::make_unique<WatchedFile>(bytes, read_max), kNumber,
                           static_cast<uint32_t>(bytes.size()));
      RecordView record;
      EXPECT_EQ(reader.Next(record), SegmentReader::Result::kDamage);
      EXPECT_EQ(reader.Skip(), bytes.size());
      EXPECT_LE(read_max, bytes.size());

      const LaidLog laid = LayDown({{SegmentName(kNumber), bytes}});
      RecordFetcher fetcher(*laid.log);
      EXPECT_TRUE(absl::IsDataLoss(fetcher.Fetch({kNumber, 0}).status()));
    }
  }
}

TEST(Corruption, WhatWasAcceptedAndThenDamagedIsNeverSent) {
  const WrittenLog log = WriteLog(1, true);
  size_t refused_count = 0;
  for (const ImageRecord& record : log.records) {
    if (record.kind == RecordKind::kOutcome || record.kind == RecordKind::kSealed) continue;
    const LaidLog laid = LayDown(log.files);
    const Recovered before = Recover(laid);  // a start has read it, and found it whole
    auto file = *laid.log->OpenForWrite(SegmentName(record.position.segment));
    char last = 0;
    const uint32_t at = record.position.offset + record.checked_size - 1;
    ASSERT_EQ(*file->ReadAt({&last, 1}, at), 1u);
    last ^= 1;
    const std::string_view piece(&last, 1);
    ASSERT_TRUE(file->WriteAt({&piece, 1}, at).ok());
    for (const ImageRecord& maker : log.records) {
      if (!MakesMessage(maker.kind)) continue;
      const auto& pieces = maker.fragments;
      const bool is_hit =
          maker.position == record.position || std::find(pieces.begin(), pieces.end(), record.position) != pieces.end();
      const absl::StatusOr<std::string> body = ReadBody(*laid.log, maker.position);
      EXPECT_EQ(absl::IsDataLoss(body.status()), is_hit);
      if (body.ok()) {
        EXPECT_TRUE(*body == log.bodies.at(maker.message.number));
      }
      refused_count += is_hit ? 1 : 0;
    }
    EXPECT_FALSE(before.bodies.empty());
  }
  EXPECT_GT(refused_count, 10u);
}

}  // namespace
}  // namespace postern
