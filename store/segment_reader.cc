#include "store/segment_reader.h"

#include <algorithm>
#include <cstring>

namespace postern {

void SegmentReader::Read(std::span<char> bytes, uint32_t offset) {
  const absl::StatusOr<size_t> count = file_->ReadAt(bytes, offset);
  if (count.ok()) {
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(*count), bytes.end(), '\0');
    return;
  }
  // Page by page, so that only what is sick is missing.
  for (size_t done = 0; done < bytes.size(); done += kPageSize) {
    const std::span<char> page = bytes.subspan(done, std::min<size_t>(kPageSize, bytes.size() - done));
    const absl::StatusOr<size_t> size = file_->ReadAt(page, offset + done);
    if (!size.ok()) read_error_ = size.status();
    std::fill(page.begin() + static_cast<std::ptrdiff_t>(size.value_or(0)), page.end(), '\0');
  }
}

std::string_view SegmentReader::Fill(uint64_t size) {
  const uint32_t wanted = static_cast<uint32_t>(std::min<uint64_t>(size, limit_ - offset_));
  const bool begins_inside = offset_ >= buffer_offset_ && offset_ < buffer_offset_ + buffer_size_;
  uint32_t kept = begins_inside ? buffer_offset_ + buffer_size_ - offset_ : 0;
  if (kept < wanted) {
    const uint32_t read_size = verify_ == Verify::kHead ? kHeadReadSize : kReadSize;
    const uint32_t target = std::min(std::max(wanted, read_size), limit_ - offset_);
    if (kept > 0) std::memmove(buffer_.data(), buffer_.data() + (offset_ - buffer_offset_), kept);
    if (buffer_.size() < target) buffer_.resize(target);
    Read(std::span(buffer_).subspan(kept, target - kept), offset_ + kept);
    buffer_offset_ = offset_;
    buffer_size_ = kept = target;
  }
  return {buffer_.data() + (offset_ - buffer_offset_), kept};
}

RecordStatus SegmentReader::Decode(RecordView& view) {
  const Position position{number_, offset_};
  const RecordStatus status = DecodeRecord(Fill(kRecordHeaderSize), position, fragments_, view, verify_);
  if (status == RecordStatus::kBadHeader) return status;
  // A record that claims to go beyond what is there is as bad as one whose bytes are wrong.
  if (view.size_on_disk > limit_ - offset_) return RecordStatus::kBadHeader;
  if (status != RecordStatus::kNeedMore) return status;
  return DecodeRecord(Fill(view.size_on_disk), position, fragments_, view, verify_);
}

SegmentReader::Result SegmentReader::Next(RecordView& view) {
  if (limit_ - offset_ < kRecordHeaderSize) return Result::kEnd;
  view = {};
  if (Decode(view) != RecordStatus::kOk) return Result::kDamage;
  offset_ += view.size_on_disk;
  return Result::kRecord;
}

uint32_t SegmentReader::Skip() {
  const uint32_t start = offset_;
  RecordView view;
  const RecordStatus status = Decode(view);
  offset_ += status == RecordStatus::kBadHeader ? kRecordAlignment : view.size_on_disk;
  for (; limit_ - offset_ >= kRecordHeaderSize; offset_ += kRecordAlignment) {
    // A good header ends the search, whatever follows it: its size leads on, and nothing is looked at twice.
    if (Decode(view) != RecordStatus::kBadHeader) return offset_ - start;
  }
  offset_ = limit_;
  return offset_ - start;
}

}  // namespace postern
