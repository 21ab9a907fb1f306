#include "store/log_check.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "store/log_reader.h"
#include "store/misplaced.h"
#include "store/queue_index.h"
#include "store/read_only_view.h"
#include "store/segment_reader.h"
#include "store/segment_tail.h"

namespace postern {
namespace {

// Names as they will be once every file has its own again.
std::map<std::string, std::string> RightNames(const std::vector<MisplacedSegment>& misplaced) {
  std::map<std::string, std::string> names;
  for (const MisplacedSegment& segment : misplaced) {
    if (!segment.is_copy) names[SegmentName(segment.holds)] = SegmentName(segment.named);
  }
  return names;
}

// The numbers of the segments, in ascending order; spares are only counted.
absl::StatusOr<std::vector<uint32_t>> FindSegments(Directory& directory, uint32_t& spare_count) {
  const absl::StatusOr<std::vector<std::string>> names = directory.List();
  if (!names.ok()) return names.status();
  std::vector<uint32_t> segments;
  for (const std::string& name : *names) {
    if (const std::optional<uint32_t> number = ParseSegmentName(name)) segments.push_back(*number);
    if (ParseSpareName(name)) ++spare_count;
  }
  std::sort(segments.begin(), segments.end());
  return segments;
}

// The frontier that a start would have: the end of the last segment that holds something (FORMAT.md, "Recovery").
absl::StatusOr<Position> FindEnd(Directory& directory, const std::vector<uint32_t>& segments, LogCheck& check) {
  bool complete = false;
  for (auto number = segments.rbegin(); number != segments.rend(); ++number, complete = true) {
    absl::StatusOr<std::unique_ptr<File>> file = directory.OpenForRead(SegmentName(*number));
    if (!file.ok()) return file.status();
    const absl::StatusOr<uint64_t> size = (*file)->Size();
    if (!size.ok()) return size.status();
    SegmentReader reader(*std::move(file), *number,
                         static_cast<uint32_t>(std::min<uint64_t>(*size, kSegmentSizeMax)) & ~7u);
    const SegmentTail tail = FindTail(reader, complete);
    check.end_error.Update(reader.read_error());
    if (tail.torn_size > 0) {
      check.report.torn_size += tail.torn_size;
      check.report.torn_at = {*number, tail.end};
      check.torn_record_count += tail.torn_record_count;
    }
    if (tail.end == 0 && !complete) continue;
    // A sealed one is read as what it is, one that another will follow.
    return tail.sealed ? Position{*number + 1, 0} : Position{*number, tail.end};
  }
  return Position{};
}

// The fragments that can be read, and the messages that name others.
class Pieces {
 public:
  void Note(const RecordView& record) {
    if (record.kind == RecordKind::kFragment) {
      there_.push_back({record.position, record.message, static_cast<uint32_t>(record.body.size())});
    } else if (MakesMessage(record.kind)) {
      Judge(record);
    }
  }

  // Of the messages in `queue`, those that are not whole.
  std::vector<IncompleteMessage> Incomplete(const QueueIndex& queue) const {
    std::vector<IncompleteMessage> incomplete;
    for (const auto& [id, message] : incomplete_) {
      const QueuedMessage* queued = queue.Find(message.message);
      if (queued != nullptr && queued->position() == message.position) incomplete.push_back(message);
    }
    std::sort(incomplete.begin(), incomplete.end(), [](const auto& a, const auto& b) { return a.message < b.message; });
    return incomplete;
  }

 private:
  struct Piece {
    Position position;
    MessageId message;
    uint32_t size;
  };

  void Judge(const RecordView& record) {
    uint64_t size = record.body.size();
    size_t lost_count = 0;
    for (const Position fragment : record.fragments) {
      // Records come in the order of the log, so the pieces are sorted, and all those that it may name are known.
      const auto piece =
          std::lower_bound(there_.begin(), there_.end(), fragment,
                           [](const Piece& p, const Position& position) { return p.position < position; });
      const bool is_there = piece != there_.end() && piece->position == fragment && piece->message == record.message;
      if (is_there) size += piece->size;
      lost_count += is_there ? 0 : 1;
    }
    incomplete_.erase(record.message.number);  // a move counts, whatever was before it
    if (lost_count == 0 && size == record.message_size) return;
    incomplete_[record.message.number] = {record.message, record.position, record.fragments.size() + 1, lost_count};
  }

  std::vector<Piece> there_;
  absl::flat_hash_map<uint64_t, IncompleteMessage> incomplete_;
};

}  // namespace

absl::StatusOr<LogCheck> CheckLog(Directory& directory, Directory* quarantine) {
  LogCheck check;
  absl::StatusOr<std::vector<MisplacedSegment>> misplaced = FindMisplaced(directory);
  if (!misplaced.ok()) return misplaced.status();
  ReadOnlyView view(directory, RightNames(*misplaced));
  const absl::StatusOr<std::vector<uint32_t>> segments = FindSegments(view, check.spare_count);
  if (!segments.ok()) return segments.status();
  const absl::StatusOr<Position> end = FindEnd(view, *segments, check);
  if (!end.ok()) return end.status();

  LogReader reader(view, quarantine);
  QueueIndex queue;
  Pieces pieces;
  while (const std::optional<RecordView> record = reader.Next(*end)) {
    ++check.record_count;
    pieces.Note(*record);
    queue.Apply(*record);
  }
  if (!reader.error().ok()) return reader.error();

  check.report.segment_count = static_cast<uint32_t>(segments->size());
  check.report.misplaced = *std::move(misplaced);
  check.report.damage = reader.report().damage;
  check.report.damage_count = reader.report().damage_count;
  for (size_t slot = 0; slot < queue.slot_count(); ++slot) {
    if (const QueuedMessage* queued = queue.At(slot)) check.queued.push_back(queued->id());
  }
  std::sort(check.queued.begin(), check.queued.end());
  check.incomplete = pieces.Incomplete(queue);
  return check;
}

}  // namespace postern
