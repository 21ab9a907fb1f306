// Opening a log: what is there, where its end is, and a new segment behind it.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "store/misplaced.h"
#include "store/segment_log.h"
#include "store/segment_reader.h"
#include "store/segment_tail.h"

namespace postern {
namespace {

constexpr uint32_t kWriteAgainSize = 256 * 1024;  // at a time

// After a failed sync a system may show bytes that it will never write, since it takes them for clean; that the process
// before us died of one, nobody knows. So they are given to it once more.
absl::Status WriteAgain(File& file, uint32_t from, uint32_t to) {
  std::vector<char> bytes(std::min(to - from, kWriteAgainSize));
  while (from < to) {
    const absl::StatusOr<size_t> count =
        file.ReadAt(std::span(bytes).first(std::min(to - from, kWriteAgainSize)), from);
    if (!count.ok()) return count.status();
    if (*count == 0) return absl::DataLossError("the file has become shorter");
    const std::string_view piece(bytes.data(), *count);
    if (absl::Status status = file.WriteAt({&piece, 1}, from); !status.ok()) return status;
    from += static_cast<uint32_t>(*count);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SegmentLog::FindFiles() {
  const absl::StatusOr<std::vector<std::string>> names = directory_.List();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const std::optional<uint32_t> segment = ParseSegmentName(name);
    const std::optional<uint32_t> spare = ParseSpareName(name);
    if (!segment && !spare) continue;
    const absl::StatusOr<std::unique_ptr<File>> file = directory_.OpenForRead(name);
    if (!file.ok()) return file.status();
    const absl::StatusOr<uint64_t> size = (*file)->Size();
    if (!size.ok()) return size.status();
    // A spare that a crash left without its full size is of no use.
    if (spare && (*size < options_.segment_size_min || *size > kSegmentSizeMax)) {
      next_segment_ = std::max(next_segment_, *spare + 1);
      if (absl::Status status = directory_.Remove(name); !status.ok()) return status;
      continue;
    }
    // What somebody has lengthened beyond it holds nothing of ours there.
    const auto used = static_cast<uint32_t>(std::min<uint64_t>(*size, kSegmentSizeMax)) & ~7u;
    const Segment found{segment ? *segment : *spare, used, false};
    if (segment) segments_.push_back(found);
    if (spare) spares_.push_back(found);
    next_segment_ = std::max(next_segment_, found.number + 1);
  }
  std::sort(segments_.begin(), segments_.end(), [](auto& a, auto& b) { return a.number < b.number; });
  return absl::OkStatus();
}

absl::Status SegmentLog::RecoverLast(RecoveryReport& report, bool complete, bool& was_empty) {
  const Segment last = segments_.back();
  const std::string name = SegmentName(last.number);
  absl::StatusOr<std::unique_ptr<File>> file = directory_.OpenForWrite(name);
  if (!file.ok()) return file.status();
  SegmentReader reader(*std::move(file), last.number, last.size);
  const SegmentTail tail = FindTail(reader, complete);
  // To cut what the disk cannot read could cut off what somebody was promised.
  if (!reader.read_error().ok()) return reader.read_error();

  if (tail.torn_size > 0) {
    report.torn_size += tail.torn_size;
    report.torn_at = {last.number, tail.end};
  }
  was_empty = tail.end == 0 && !complete;
  if (was_empty) return absl::OkStatus();
  sequence_ = tail.sequence + 1;
  Position end{last.number, tail.end};
  if (!complete) {
    if (absl::Status status = WriteAgain(reader.file(), tail.durable_size, tail.end); !status.ok()) return status;
  }
  if (!tail.sealed) {
    RecordView seal;
    seal.position = end;
    seal.durable_size = tail.durable_size;
    seal.sequence = sequence_++;
    std::array<char, kRecordHeaderSize> bytes;
    EncodeHeader(seal, bytes);
    const std::string_view piece(bytes.data(), bytes.size());
    if (absl::Status status = reader.file().WriteAt({&piece, 1}, tail.end); !status.ok()) return status;
    end.offset += kRecordHeaderSize;
  }
  // After a kill the bytes may be in the system's memory only; from here on they count as durable.
  if (absl::Status status = reader.file().Sync(); !status.ok()) return status;
  flushed_ = end;
  Publish(end);
  return absl::OkStatus();
}

absl::Status SegmentLog::Recover(RecoveryReport& report) {
  // The process before us may have been killed between a change of names and its sync: what we see is made a fact
  // before anything is built on it.
  if (absl::Status status = directory_.Sync(); !status.ok()) return status;
  absl::StatusOr<std::vector<MisplacedSegment>> misplaced = FindMisplaced(directory_);
  if (!misplaced.ok()) return misplaced.status();
  report.misplaced = *std::move(misplaced);
  if (absl::Status status = PutBack(directory_, report.misplaced); !status.ok()) return status;
  if (absl::Status status = FindFiles(); !status.ok()) return status;
  for (bool complete = false; !segments_.empty(); complete = true) {
    bool was_empty = false;
    if (absl::Status status = RecoverLast(report, complete, was_empty); !status.ok()) return status;
    if (!was_empty) break;
    // Its number is not used again: behind its torn start there may be whole records that nobody was promised.
    if (absl::Status status = MakeSpare(segments_.back()); !status.ok()) return status;
    segments_.pop_back();
    // Before a head is begun: were its name on the disk and this change not, the torn segment would look complete.
    if (absl::Status status = directory_.Sync(); !status.ok()) return status;
  }
  report.segment_count = static_cast<uint32_t>(segments_.size());

  // A reserve and a head. On a full disk the log lives without: what is queued can be read and sent.
  absl::Status status = EnsureSpares(2, 0);
  if (status.ok()) status = StartHead(0);
  if (poisoned_ || (!status.ok() && !absl::IsResourceExhausted(status))) return status;
  full_ = false;
  return absl::OkStatus();
}

}  // namespace postern
