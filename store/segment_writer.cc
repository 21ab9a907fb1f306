#include "store/segment_writer.h"

#include <algorithm>
#include <span>

#include "absl/log/check.h"

namespace postern {
namespace {

constexpr std::array<char, 64 * 1024> kZeros = {};

}  // namespace

SegmentWriter::SegmentWriter(std::unique_ptr<File> file, uint32_t number, uint32_t size, bool written_before)
    : file_(std::move(file)),
      number_(number),
      size_(size),
      zeroed_(written_before ? size : 0),
      headers_(kBatchRecordsMax + 1) {
  pieces_.reserve(headers_.size() * 6);
}

Position SegmentWriter::Append(RecordView record) {
  DCHECK(!batch_full());
  return Add(record);
}

Position SegmentWriter::Add(RecordView record) {
  CHECK_LT(header_count_, headers_.size());
  const auto size = static_cast<uint32_t>(RecordSize(record));
  record.position = {number_, end_};
  record.durable_size = durable_;
  std::array<char, kRecordHeaderSize>& header = headers_[header_count_++];
  EncodeHeader(record, header);

  uint32_t piece_size = 0;
  const auto add = [&](std::string_view piece) {
    if (!piece.empty()) pieces_.push_back(piece);
    piece_size += static_cast<uint32_t>(piece.size());
  };
  add({header.data(), header.size()});
  add({reinterpret_cast<const char*>(record.fragments.data()), record.fragments.size_bytes()});
  add(record.head);
  add(record.state);
  add(record.body);
  add({kZeros.data(), size - piece_size});
  end_ += size;
  return record.position;
}

void SegmentWriter::AppendSeal(uint64_t sequence) {
  CHECK_LE(end_ + kRecordHeaderSize, size_);
  RecordView seal;
  seal.kind = RecordKind::kSealed;
  seal.sequence = sequence;
  Add(seal);
}

absl::Status SegmentWriter::WriteZerosAhead() {
  if (end_ <= zeroed_) return absl::OkStatus();
  const auto target = static_cast<uint32_t>(std::min<uint64_t>(size_, uint64_t{end_} + kZeroAheadSize));
  for (uint32_t offset = end_; offset < target;) {
    std::array<std::string_view, 16> pieces;
    size_t count = 0;
    uint32_t piece_end = offset;
    for (; count < pieces.size() && piece_end < target; ++count) {
      const uint32_t size = std::min<uint32_t>(kZeros.size(), target - piece_end);
      pieces[count] = {kZeros.data(), size};
      piece_end += size;
    }
    if (absl::Status status = file_->WriteAt(std::span(pieces).first(count), offset); !status.ok()) return status;
    offset = piece_end;
  }
  zeroed_ = target;
  return absl::OkStatus();
}

absl::Status SegmentWriter::Flush() {
  if (end_ == flushed_) return absl::OkStatus();
  if (absl::Status status = WriteZerosAhead(); !status.ok()) return status;
  if (absl::Status status = file_->WriteAt(pieces_, flushed_); !status.ok()) return status;
  flushed_ = end_;
  pieces_.clear();
  header_count_ = 0;
  return absl::OkStatus();
}

absl::Status SegmentWriter::Sync() {
  if (durable_ == flushed_) return absl::OkStatus();
  if (absl::Status status = file_->Sync(); !status.ok()) return status;
  durable_ = flushed_;
  return absl::OkStatus();
}

void SegmentWriter::Drop() {
  end_ = flushed_;
  pieces_.clear();
  header_count_ = 0;
}

}  // namespace postern
