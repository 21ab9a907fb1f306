#include "store/log_repair.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "store/log_check.h"
#include "store/misplaced.h"
#include "store/quarantine.h"
#include "store/segment_format.h"

namespace postern {
namespace {

constexpr uint32_t kFillerSizeMax = 1024 * 1024;  // of one fragment of no message

// Writes the header of `record`, whose other bytes lie there already.
absl::Status WriteHeader(File& segment, const RecordView& record) {
  std::array<char, kRecordHeaderSize> header;
  EncodeHeader(record, header);
  const std::string_view piece(header.data(), header.size());
  return segment.WriteAt({&piece, 1}, record.position.offset);
}

absl::Status Seal(File& segment, Position position, uint64_t sequence) {
  RecordView seal;
  seal.position = position;
  seal.durable_size = position.offset;
  seal.sequence = sequence;
  return WriteHeader(segment, seal);
}

// How much of `rest` bytes the next filler takes: what it leaves is nothing, or has room for another one.
uint32_t FillerSize(uint32_t rest) {
  if (rest <= kFillerSizeMax) return rest;
  return rest - kFillerSizeMax < kRecordHeaderSize ? kFillerSizeMax - kRecordHeaderSize : kFillerSizeMax;
}

absl::Status Fill(File& segment, const Damage& damage) {
  std::vector<char> body;
  RecordView filler;
  filler.kind = RecordKind::kFragment;
  filler.position = damage.position;
  filler.sequence = damage.sequence;
  for (uint32_t rest = damage.size; rest > 0;) {
    const uint32_t size = FillerSize(rest);
    body.resize(size - kRecordHeaderSize);
    const absl::StatusOr<size_t> count = segment.ReadAt(body, filler.position.offset + kRecordHeaderSize);
    if (!count.ok()) return count.status();
    if (*count < body.size()) return absl::DataLossError("the file has become shorter");
    filler.body = {body.data(), body.size()};
    filler.body_checksum = Checksum(filler.body);
    ++filler.sequence;
    if (absl::Status status = WriteHeader(segment, filler); !status.ok()) return status;
    filler.position.offset += size;
    rest -= size;
  }
  return absl::OkStatus();
}

// Whether it was mended.
absl::StatusOr<bool> Mend(Directory& directory, const Damage& damage) {
  const bool is_broken = damage.kind == DamageKind::kBroken;
  // Nothing is overwritten of which there is no copy. A piece without room for a header lies between two records that
  // cannot both be ours: whoever forged one of them gets no help.
  if (damage.kind == DamageKind::kUnreadable || (is_broken && damage.copied_to.empty())) return false;
  if (is_broken && damage.size < kRecordHeaderSize) return false;
  const absl::StatusOr<std::unique_ptr<File>> file = directory.OpenForWrite(SegmentName(damage.position.segment));
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> file_size = (*file)->Size();
  if (!file_size.ok()) return file_size.status();
  const bool is_end = uint64_t{damage.position.offset} + damage.size + kRecordHeaderSize > *file_size;
  absl::Status status;
  if (damage.kind == DamageKind::kGap) {
    status = Seal(**file, damage.position, damage.sequence - 1);
  } else if (is_end) {
    status = Seal(**file, damage.position, damage.sequence + 1);
  } else {
    status = Fill(**file, damage);
  }
  if (status.ok()) status = (*file)->Sync();
  if (!status.ok()) return status;
  return true;
}

// A copy at the end of the log is read by nobody, and is a file to use again: it shall look like one. It stays, since
// by being there it says that the segment before it is complete.
absl::Status EmptyCopy(Directory& directory, uint32_t number, Directory& quarantine) {
  const absl::StatusOr<std::unique_ptr<File>> file = directory.OpenForWrite(SegmentName(number));
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  const auto used = static_cast<uint32_t>(std::min<uint64_t>(*size, kSegmentSizeMax));
  const absl::StatusOr<std::string> kept = CopyToQuarantine(**file, {number, 0}, used, quarantine);
  if (!kept.ok()) return kept.status();
  constexpr std::array<char, kRecordHeaderSize> kZeros = {};
  const std::string_view piece(kZeros.data(), kZeros.size());
  if (absl::Status status = (*file)->WriteAt({&piece, 1}, 0); !status.ok()) return status;
  return (*file)->Sync();
}

absl::Status RepairNames(Directory& directory, std::vector<MisplacedSegment>& mended) {
  absl::StatusOr<std::vector<MisplacedSegment>> misplaced = FindMisplaced(directory);
  if (!misplaced.ok()) return misplaced.status();
  if (absl::Status status = PutBack(directory, *misplaced); !status.ok()) return status;
  mended = *std::move(misplaced);
  return absl::OkStatus();
}

absl::Status EmptyCopies(Directory& directory, Directory& quarantine) {
  const absl::StatusOr<std::vector<MisplacedSegment>> misplaced = FindMisplaced(directory);
  if (!misplaced.ok()) return misplaced.status();
  for (const MisplacedSegment& segment : *misplaced) {
    if (!segment.is_copy) continue;
    if (absl::Status status = EmptyCopy(directory, segment.named, quarantine); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RecoveryReport> RepairLog(Directory& directory, Directory& quarantine) {
  RecoveryReport mended;
  if (absl::Status status = RepairNames(directory, mended.misplaced); !status.ok()) return status;
  // To mend one thing may bring another to light, such as a gap behind a lost end; and no more than so many are known
  // at a time.
  for (bool again = true; again;) {
    again = false;
    const absl::StatusOr<LogCheck> check = CheckLog(directory, &quarantine);
    if (!check.ok()) return check.status();
    for (const Damage& damage : check->report.damage) {
      const absl::StatusOr<bool> done = Mend(directory, damage);
      if (!done.ok()) return done.status();
      if (!*done) continue;
      again = true;
      ++mended.damage_count;
      if (mended.damage.size() < kDamageCountMax) mended.damage.push_back(damage);
    }
  }
  // In the middle of the log they were damage, and are sealed by now.
  if (absl::Status status = EmptyCopies(directory, quarantine); !status.ok()) return status;
  return mended;
}

}  // namespace postern
