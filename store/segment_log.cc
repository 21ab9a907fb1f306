#include "store/segment_log.h"

#include <algorithm>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace postern {

absl::StatusOr<std::unique_ptr<SegmentLog>> SegmentLog::Open(Directory& directory, SegmentLogOptions options,
                                                             RecoveryReport* report) {
  CHECK_EQ(options.segment_size % kRecordAlignment, 0u);
  CHECK_LE(options.segment_size, kSegmentSizeMax);
  CHECK_GT(options.segment_size_min, 2 * kRecordHeaderSize);
  options.segment_size_min = std::min(options.segment_size_min, options.segment_size);
  std::unique_ptr<SegmentLog> log(new SegmentLog(directory, options));
  RecoveryReport unread;
  if (absl::Status status = log->Recover(report != nullptr ? *report : unread); !status.ok()) return status;
  return log;
}

SegmentLog::~SegmentLog() = default;

absl::Status SegmentLog::Fail(absl::Status status) {
  if (!poisoned_) error_ = std::move(status);
  poisoned_ = true;
  return error_;
}

void SegmentLog::Publish(Position durable) { durable_.store(durable.Pack(), std::memory_order_release); }

void SegmentLog::BeginBatch() {
  full_ = false;
  dropped_ = false;
}

AppendResult SegmentLog::Append(const NewRecord& record, Position& position) {
  if (poisoned_) return AppendResult::kPoisoned;
  const uint64_t size =
      RecordSize(record.head.size(), record.state.size(), record.body.size(), record.fragments.size());
  if (size + kRecordHeaderSize > options_.segment_size) return AppendResult::kTooLarge;
  if (dropped_) return AppendResult::kNoRoom;
  if (head_ != nullptr && head_->batch_full()) {
    if (!FlushHead().ok()) return poisoned_ ? AppendResult::kPoisoned : AppendResult::kNoRoom;
  }
  if (head_ == nullptr || head_spoilt_ || !head_->HasRoom(size)) {
    // Outcomes and moves may use the last spare: without them nothing would ever be finished, and no room come back.
    absl::Status status = EnsureSpares(record.frees_room ? 1 : 2, size);
    if (status.ok() && head_ != nullptr) {
      status = FlushHead();
      if (status.ok()) status = CloseHead();
    }
    if (status.ok()) status = StartHead(size);
    if (!status.ok()) {
      if (!poisoned_) error_ = status;
      return poisoned_ ? AppendResult::kPoisoned : AppendResult::kNoRoom;
    }
  }
  RecordView view;
  view.kind = record.kind;
  view.message = record.message;
  view.sequence = sequence_++;
  view.head = record.head;
  view.state = record.state;
  view.body = record.body;
  view.fragments = record.fragments;
  view.message_size = record.message_size;
  view.body_checksum = record.body_checksum != nullptr ? *record.body_checksum : Checksum(record.body);
  position = head_->Append(view);
  return AppendResult::kOk;
}

absl::Status SegmentLog::FlushHead() {
  absl::Status status = head_->Flush();
  if (status.ok()) {
    flushed_ = {head_->number(), head_->flushed_size()};
    flushed_sequence_ = sequence_;
    return status;
  }
  if (!absl::IsResourceExhausted(status)) return Fail(status);
  // The disk wants no more although the room was ours (it copies on write, or is thin). What was not written is
  // forgotten; and since whole records of it may lie in the file, nothing but a seal may be written there.
  dropped_ = true;
  dropped_at_ = {head_->number(), head_->flushed_size()};
  head_->Drop();
  sequence_ = flushed_sequence_;
  head_spoilt_ = true;
  error_ = status;
  return status;
}

absl::Status SegmentLog::SyncHead() {
  if (absl::Status status = head_->Sync(); !status.ok()) return Fail(status);
  Publish({head_->number(), head_->durable_size()});
  return absl::OkStatus();
}

absl::Status SegmentLog::CloseHead() {
  head_->AppendSeal(sequence_++);
  if (absl::Status status = FlushHead(); !status.ok()) return status;
  if (absl::Status status = SyncHead(); !status.ok()) return status;
  segments_.back().written = head_->written();
  head_.reset();
  return absl::OkStatus();
}

absl::Status SegmentLog::Flush() {
  if (poisoned_) return error_;
  if (head_ == nullptr) return absl::OkStatus();
  return FlushHead();
}

absl::Status SegmentLog::Sync() {
  if (absl::Status status = Flush(); !status.ok()) return status;
  if (head_ == nullptr) return absl::OkStatus();
  return SyncHead();
}

absl::Status SegmentLog::Seal() {
  if (absl::Status status = Flush(); !status.ok()) return status;
  if (head_ == nullptr || head_->flushed_size() == 0) return absl::OkStatus();
  return CloseHead();
}

absl::Status SegmentLog::EnsureSpares(size_t count, uint64_t size) {
  // No log lives so long: somebody has put a file there.
  if (next_segment_ > kSegmentNumberMax - count - 1) {
    return Fail(absl::FailedPreconditionError(
        absl::StrCat(directory_.path(), "/", SegmentName(next_segment_ - 1),
                     ": leaves no number for the segments behind it: move it away when it is not of this log")));
  }
  const auto fits = [&](const Segment& spare) { return size + kRecordHeaderSize <= spare.size; };
  while (static_cast<size_t>(std::count_if(spares_.begin(), spares_.end(), fits)) < count) {
    if (full_) return error_;
    if (absl::Status status = AddSpare(); !status.ok()) {
      full_ = true;
      error_ = status;
      return status;
    }
    if (!fits(spares_.back())) {
      full_ = true;
      error_ = absl::ResourceExhaustedError(
          absl::StrCat(directory_.path(), ": no room for a segment that takes a record of ", size, " bytes"));
      return error_;
    }
  }
  return absl::OkStatus();
}

absl::Status SegmentLog::AddSpare() {
  absl::Status status;
  for (uint32_t size = options_.segment_size; size >= options_.segment_size_min; size = size / 2 & ~7u) {
    const absl::StatusOr<std::unique_ptr<File>> file = directory_.Create(SpareName(next_segment_), size);
    status = file.status();
    if (status.ok()) {
      spares_.push_back({next_segment_++, size, false});
      return status;
    }
    if (!absl::IsResourceExhausted(status)) break;
  }
  return status;
}

absl::Status SegmentLog::StartHead(uint64_t size) {
  const auto spare = std::find_if(spares_.begin(), spares_.end(),
                                  [&](const Segment& s) { return size + kRecordHeaderSize <= s.size; });
  if (spare == spares_.end()) return absl::ResourceExhaustedError("no spare segment");
  const Segment segment{next_segment_, spare->size, spare->written};
  // First, since a process that has no descriptor left for it has changed nothing yet: that passes.
  absl::StatusOr<std::unique_ptr<File>> file = directory_.OpenForWrite(SpareName(spare->number));
  if (!file.ok()) return file.status();
  if (absl::Status status = directory_.Rename(SpareName(spare->number), SegmentName(segment.number)); !status.ok()) {
    return Fail(status);
  }
  spares_.erase(spare);
  // Nothing may be written under a name that a crash could still take back.
  if (absl::Status status = directory_.Sync(); !status.ok()) return Fail(status);
  head_ = std::make_unique<SegmentWriter>(*std::move(file), segment.number, segment.size, segment.written);
  head_spoilt_ = false;
  segments_.push_back(segment);
  ++next_segment_;
  flushed_ = {segment.number, 0};
  flushed_sequence_ = sequence_;
  Publish(flushed_);
  return absl::OkStatus();
}

absl::Status SegmentLog::MakeSpare(const Segment& segment) {
  const std::string name = SegmentName(segment.number);
  const bool has_our_size = segment.size >= options_.segment_size_min && segment.size <= options_.segment_size;
  if (spares_.size() >= options_.spare_count_max || !has_our_size) {
    if (absl::Status status = directory_.Remove(name); !status.ok()) return status;
  } else {
    if (absl::Status status = directory_.Rename(name, SpareName(segment.number)); !status.ok()) return status;
    spares_.push_back(segment);
  }
  return absl::OkStatus();
}

absl::Status SegmentLog::ReleaseBefore(uint32_t segment) {
  if (poisoned_) return error_;
  while (!segments_.empty() && segments_.front().number < segment &&
         (head_ == nullptr || segments_.front().number != head_->number())) {
    if (absl::Status status = MakeSpare(segments_.front()); !status.ok()) return status;
    segments_.pop_front();
    // One after the other, since names may reach the disk in any order: what a crash leaves must have no gap, or a
    // message could rise again whose mark is gone.
    if (absl::Status status = directory_.Sync(); !status.ok()) return Fail(status);
  }
  return absl::OkStatus();
}

}  // namespace postern
