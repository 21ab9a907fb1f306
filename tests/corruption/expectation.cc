#include "tests/corruption/expectation.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/log_check.h"
#include "store/log_reader.h"
#include "store/log_repair.h"
#include "store/queue_index.h"

namespace postern {
namespace {

// The bodies in the queue, by a fold over the records that are left of the undamaged log.
std::map<uint64_t, std::string> WhatWaits(const WrittenLog& log, const Places& shown,
                                          std::vector<uint64_t>& unreadable) {
  const LaidLog laid = LayDown(log.files);
  RecordFetcher fetcher(*laid.log);
  QueueIndex index;
  std::map<Position, const ImageRecord*> records;
  for (const ImageRecord& record : log.records) {
    records[record.position] = &record;
    if (shown.contains(record.position)) index.Apply(*fetcher.Fetch(record.position));
  }
  std::map<uint64_t, std::string> bodies;
  for (size_t slot = 0; slot < index.slot_count(); ++slot) {
    const QueuedMessage* queued = index.At(slot);
    if (queued == nullptr) continue;
    const std::vector<Position>& fragments = records.at(queued->position())->fragments;
    const bool is_whole =
        std::all_of(fragments.begin(), fragments.end(), [&](Position f) { return shown.contains(f); });
    if (is_whole) {
      bodies[queued->id().number] = log.bodies.at(queued->id().number);
    } else {
      unreadable.push_back(queued->id().number);
    }
  }
  return bodies;
}

// The places of `log` that the damage that is told covers.
Places Covered(const WrittenLog& log, const std::vector<Damage>& damage) {
  Places covered;
  for (const ImageRecord& record : log.records) {
    for (const Damage& d : damage) {
      const bool inside = d.position.segment == record.position.segment &&
                          d.position.offset <= record.position.offset &&
                          record.position.offset < d.position.offset + d.size;
      if (inside) covered.insert(record.position);
    }
  }
  return covered;
}

}  // namespace

// In the last segment a record counts as damaged when one behind it knew
// it to be durable, and is torn otherwise; what is torn ends the log.
Left WhatIsLeft(const WrittenLog& log, const Places& lost) {
  uint32_t vouched = 0;
  for (const ImageRecord& record : log.records) {
    const bool speaks = record.position.segment == log.last_segment && !lost.contains(record.position);
    if (speaks) vouched = std::max(vouched, record.durable_size);
  }
  Left left;
  for (const ImageRecord& record : log.records) {
    const bool is_last = record.position.segment == log.last_segment;
    const bool is_lost = lost.contains(record.position);
    if (is_lost && is_last && record.position.offset >= vouched) break;
    if (is_lost) left.damaged.insert(record.position);
    if (!is_lost && record.kind != RecordKind::kSealed) left.shown.insert(record.position);
  }
  return left;
}

std::string Text(const Places& places) {
  std::string text;
  for (const Position place : places) absl::StrAppend(&text, place.segment, ":", place.offset, " ");
  return text;
}

Places Shown(const Recovered& recovered) { return {recovered.shown.begin(), recovered.shown.end()}; }

void ExpectSameQueue(const Recovered& a, const Recovered& b) {
  EXPECT_TRUE(a.bodies == b.bodies);
  EXPECT_EQ(a.unreadable, b.unreadable);
}

Recovered ExpectSoundStart(const LogImage& image, Depth depth) {
  const LaidLog laid = LayDown(image);
  const absl::StatusOr<LogCheck> check = CheckLog(*laid.log);
  EXPECT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(TakeImage(*laid.log), image) << "to check is not to touch";
  Recovered first = Recover(laid);
  EXPECT_TRUE(first.status.ok()) << first.status;
  if (check.ok()) {
    EXPECT_EQ(check->record_count, first.shown.size()) << "the check has read what the start has read";
    EXPECT_EQ(check->report.damage_count, first.read.damage_count);
    EXPECT_EQ(check->report.torn_size, first.opened.torn_size);
    EXPECT_EQ(check->incomplete.size(), first.unreadable.size());
    EXPECT_EQ(check->queued.size(), first.bodies.size() + first.unreadable.size());
  }
  for (const Damage& damage : first.read.damage) {
    if (damage.kind != DamageKind::kBroken) continue;
    const std::string name = absl::StrCat(SegmentName(damage.position.segment), "-", damage.position.offset);
    EXPECT_EQ(damage.copied_to, absl::StrCat("/quarantine/", name));
    const auto copy = laid.quarantine->OpenForRead(name);
    EXPECT_TRUE(copy.ok() && *(*copy)->Size() == damage.size) << name;
  }
  if (depth == Depth::kStart) return first;
  const Recovered second = Recover(laid);
  EXPECT_EQ(second.shown, first.shown);
  EXPECT_EQ(second.read.damage_count, first.read.damage_count);
  ExpectSameQueue(second, first);

  const LaidLog mended = LayDown(image);
  EXPECT_TRUE(RepairLog(*mended.log, *mended.quarantine).ok());
  const absl::StatusOr<LogCheck> after = CheckLog(*mended.log);
  EXPECT_TRUE(after.ok() && after->report.damage_count == 0 && after->report.misplaced.empty());
  const Recovered clean = Recover(mended);
  EXPECT_TRUE(clean.status.ok()) << clean.status;
  EXPECT_EQ(clean.read.damage_count, 0u);
  ExpectSameQueue(clean, first);
  return first;
}

void ExpectOnlyLost(const WrittenLog& log, const LogImage& image, const Places& lost, Depth depth) {
  const Left left = WhatIsLeft(log, lost);
  const Recovered found = ExpectSoundStart(image, depth);
  EXPECT_EQ(Text(Shown(found)), Text(left.shown));
  EXPECT_EQ(Text(Covered(log, found.read.damage)), Text(left.damaged));
  std::vector<uint64_t> unreadable;
  EXPECT_TRUE(found.bodies == WhatWaits(log, left.shown, unreadable));
  std::sort(unreadable.begin(), unreadable.end());
  std::vector<uint64_t> found_unreadable = found.unreadable;
  std::sort(found_unreadable.begin(), found_unreadable.end());
  EXPECT_EQ(found_unreadable, unreadable);
}

Places Hit(const WrittenLog& log, uint32_t segment, size_t from, size_t to) {
  Places hit;
  for (const ImageRecord& record : log.records) {
    const uint32_t begin = record.position.offset;
    if (record.position.segment == segment && begin < to && from < begin + record.checked_size) {
      hit.insert(record.position);
    }
  }
  return hit;
}

std::vector<uint32_t> Segments(const LogImage& image) {
  std::vector<uint32_t> segments;
  for (const auto& [name, bytes] : image) {
    if (const auto number = ParseSegmentName(name)) segments.push_back(*number);
  }
  return segments;
}

bool Tells(const Recovered& found, DamageKind kind) {
  return std::any_of(found.read.damage.begin(), found.read.damage.end(),
                     [kind](const Damage& damage) { return damage.kind == kind; });
}

}  // namespace postern
