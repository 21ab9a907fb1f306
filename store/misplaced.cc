#include "store/misplaced.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "store/segment_format.h"
#include "store/segment_reader.h"

namespace postern {
namespace {

// The numbers of the segments and spares that are there.
absl::StatusOr<std::set<uint32_t>> Numbers(Directory& directory, bool with_spares) {
  const absl::StatusOr<std::vector<std::string>> names = directory.List();
  if (!names.ok()) return names.status();
  std::set<uint32_t> numbers;
  for (const std::string& name : *names) {
    if (const std::optional<uint32_t> segment = ParseSegmentName(name)) numbers.insert(*segment);
    const std::optional<uint32_t> spare = ParseSpareName(name);
    if (spare && with_spares) numbers.insert(*spare);
  }
  return numbers;
}

// The segment that the file's first record belongs to; `number` when that record is not whole, or there is none.
uint32_t Holds(Directory& directory, uint32_t number, uint32_t oldest) {
  absl::StatusOr<std::unique_ptr<File>> file = directory.OpenForRead(SegmentName(number));
  if (!file.ok()) return number;
  std::array<char, kRecordHeaderSize> header;
  const absl::StatusOr<size_t> header_size = (*file)->ReadAt(header, 0);
  if (!header_size.ok()) return number;
  const std::optional<Position> says = HeaderPosition({header.data(), *header_size});
  if (!says || says->offset != 0 || says->segment == number) return number;
  if (says->segment < oldest || says->segment > kSegmentNumberMax) return number;
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return number;
  SegmentReader reader(*std::move(file), says->segment,
                       static_cast<uint32_t>(std::min<uint64_t>(*size, kSegmentSizeMax)));
  RecordView record;
  return reader.Next(record) == SegmentReader::Result::kRecord ? says->segment : number;
}

}  // namespace

absl::StatusOr<std::vector<MisplacedSegment>> FindMisplaced(Directory& directory) {
  const absl::StatusOr<std::set<uint32_t>> numbers = Numbers(directory, false);
  if (!numbers.ok()) return numbers.status();
  std::vector<MisplacedSegment> misplaced;
  std::set<uint32_t> at_home = *numbers;
  for (const uint32_t number : *numbers) {
    const uint32_t holds = Holds(directory, number, *numbers->begin());
    if (holds == number) continue;
    misplaced.push_back({.named = number, .holds = holds});
    at_home.erase(number);
  }
  for (MisplacedSegment& segment : misplaced) segment.is_copy = !at_home.insert(segment.holds).second;
  return misplaced;
}

absl::Status PutBack(Directory& directory, std::span<const MisplacedSegment> misplaced) {
  std::map<uint32_t, uint32_t> homes;  // by the name of today
  for (const MisplacedSegment& segment : misplaced) {
    if (!segment.is_copy) homes[segment.named] = segment.holds;
  }
  if (homes.empty()) return absl::OkStatus();
  const absl::StatusOr<std::set<uint32_t>> numbers = Numbers(directory, true);
  if (!numbers.ok()) return numbers.status();
  while (!homes.empty()) {
    auto next =
        std::find_if(homes.begin(), homes.end(), [&](const auto& home) { return !homes.contains(home.second); });
    // Where all wait for each other, the first one makes room under a number that is nobody's.
    const bool in_a_circle = next == homes.end();
    if (in_a_circle) next = homes.begin();
    const auto [named, home] = *next;
    const uint32_t to = in_a_circle ? *numbers->rbegin() + 1 : home;
    if (absl::Status status = directory.Rename(SegmentName(named), SegmentName(to)); !status.ok()) return status;
    // Each by itself: in whatever order names reached the disk, two files of one name would be one lost.
    if (absl::Status status = directory.Sync(); !status.ok()) return status;
    homes.erase(next);
    if (in_a_circle) homes[to] = home;
  }
  return absl::OkStatus();
}

}  // namespace postern
