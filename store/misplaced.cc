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

// The numbers of the segments that are there.
absl::StatusOr<std::set<uint32_t>> Numbers(Directory& directory) {
  const absl::StatusOr<std::vector<std::string>> names = directory.List();
  if (!names.ok()) return names.status();
  std::set<uint32_t> numbers;
  for (const std::string& name : *names) {
    if (const std::optional<uint32_t> segment = ParseSegmentName(name)) numbers.insert(*segment);
  }
  return numbers;
}

// Whether a record of segment `as` can be read in the file `number`: at its start, or anywhere.
bool HoldsRecord(Directory& directory, uint32_t number, uint32_t as, bool at_start) {
  absl::StatusOr<std::unique_ptr<File>> file = directory.OpenForRead(SegmentName(number));
  if (!file.ok()) return false;
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return false;
  SegmentReader reader(*std::move(file), as, static_cast<uint32_t>(std::min<uint64_t>(*size, kSegmentSizeMax)));
  RecordView record;
  SegmentReader::Result result = reader.Next(record);
  while (result == SegmentReader::Result::kDamage && !at_start) {
    reader.Skip();
    result = reader.Next(record);
  }
  // What the disk cannot read may be one.
  return result == SegmentReader::Result::kRecord || !reader.read_error().ok();
}

// Whose header stands at the start of the file.
std::optional<uint32_t> SaysAtStart(Directory& directory, uint32_t number) {
  const absl::StatusOr<std::unique_ptr<File>> file = directory.OpenForRead(SegmentName(number));
  if (!file.ok()) return std::nullopt;
  std::array<char, kRecordHeaderSize> header;
  const absl::StatusOr<size_t> size = (*file)->ReadAt(header, 0);
  if (!size.ok()) return std::nullopt;
  const std::optional<Position> says = HeaderPosition({header.data(), *size});
  if (!says || says->offset != 0 || says->segment > kSegmentNumberMax) return std::nullopt;
  return says->segment;
}

// The segment that the file is, whatever its name: `number` unless its first record is another's and none is its own.
// Some bytes of another one, written to the wrong place, do not make it that.
uint32_t Holds(Directory& directory, uint32_t number, uint32_t oldest) {
  const std::optional<uint32_t> says = SaysAtStart(directory, number);
  if (!says || *says == number || *says < oldest) return number;
  const bool is_another = HoldsRecord(directory, number, *says, true) && !HoldsRecord(directory, number, number, false);
  return is_another ? *says : number;
}

// Whether its name is free, and the others would still be found after a crash: what is older than every name that is
// there is taken for a file that is used again.
bool MayGoHome(uint32_t named, uint32_t home, const std::map<uint32_t, uint32_t>& homes, std::set<uint32_t> names) {
  if (homes.contains(home)) return false;
  names.erase(named);
  names.insert(home);
  return std::all_of(homes.begin(), homes.end(), [&](const auto& other) { return other.second >= *names.begin(); });
}

}  // namespace

absl::StatusOr<std::vector<MisplacedSegment>> FindMisplaced(Directory& directory) {
  const absl::StatusOr<std::set<uint32_t>> numbers = Numbers(directory);
  if (!numbers.ok()) return numbers.status();
  std::vector<MisplacedSegment> misplaced;
  std::set<uint32_t> at_home = *numbers;
  for (const uint32_t number : *numbers) {
    const uint32_t holds = Holds(directory, number, *numbers->begin());
    if (holds == number) continue;
    misplaced.push_back({.named = number, .holds = holds});
    at_home.erase(number);
  }
  std::map<uint32_t, uint32_t> comes_from;  // the name of today of whoever gets a name
  for (MisplacedSegment& segment : misplaced) {
    const bool has_owner =
        at_home.contains(segment.holds) && HoldsRecord(directory, segment.holds, segment.holds, false);
    segment.is_copy = has_owner || !comes_from.emplace(segment.holds, segment.named).second;
  }
  // A file without a record of its own name makes room for the one that has them, and gets the name that becomes free.
  std::vector<MisplacedSegment> evicted;
  for (const auto& [name, by] : comes_from) {
    if (!at_home.contains(name)) continue;
    uint32_t free = by;
    for (auto next = comes_from.find(free); next != comes_from.end(); next = comes_from.find(free)) free = next->second;
    evicted.push_back({.named = name, .holds = free});
  }
  misplaced.insert(misplaced.end(), evicted.begin(), evicted.end());
  return misplaced;
}

absl::Status PutBack(Directory& directory, std::span<const MisplacedSegment> misplaced) {
  std::map<uint32_t, uint32_t> homes;  // by the name of today
  for (const MisplacedSegment& segment : misplaced) {
    if (!segment.is_copy) homes[segment.named] = segment.holds;
  }
  if (homes.empty()) return absl::OkStatus();
  absl::StatusOr<std::set<uint32_t>> names = Numbers(directory);
  if (!names.ok()) return names.status();
  while (!homes.empty()) {
    auto next = std::find_if(homes.begin(), homes.end(),
                             [&](const auto& home) { return MayGoHome(home.first, home.second, homes, *names); });
    const bool is_stuck = next == homes.end();
    // One of those that hold each other's names makes room, below all others.
    if (is_stuck) {
      next = std::min_element(homes.begin(), homes.end(), [](auto& a, auto& b) { return a.second < b.second; });
    }
    const auto [named, home] = *next;
    const uint32_t room = *names->begin() > 1 ? *names->begin() - 1 : *names->rbegin() + 1;
    const uint32_t to = is_stuck ? room : home;
    if (absl::Status status = directory.Rename(SegmentName(named), SegmentName(to)); !status.ok()) return status;
    // Each by itself: in whatever order names reached the disk, two files of one name would be one lost.
    if (absl::Status status = directory.Sync(); !status.ok()) return status;
    homes.erase(next);
    names->erase(named);
    names->insert(to);
    if (is_stuck) homes[to] = home;
  }
  return absl::OkStatus();
}

}  // namespace postern
