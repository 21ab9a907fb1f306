#include "store/log_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/limits.h"

namespace postern {
namespace {

constexpr size_t kFirstReadSize = 4096;    // takes most records whole
constexpr size_t kCopySize = 1024 * 1024;  // of a damaged piece, at a time

absl::Status Lost(Directory& directory, Position position, std::string_view what) {
  return absl::DataLossError(
      absl::StrCat(directory.path(), "/", SegmentName(position.segment), ": ", what, " at ", position.offset));
}

}  // namespace

absl::StatusOr<std::string_view> RecordFetcher::Read(Position position, size_t size) {
  if (buffer_.size() < size) buffer_.resize(size);
  const absl::StatusOr<size_t> count = file_->ReadAt(std::span(buffer_).first(size), position.offset);
  if (!count.ok()) return count.status();
  return std::string_view(buffer_.data(), *count);
}

absl::StatusOr<RecordView> RecordFetcher::Fetch(Position position, Verify verify) {
  if (file_ == nullptr || file_number_ != position.segment) {
    absl::StatusOr<std::unique_ptr<File>> file = directory_.OpenForRead(SegmentName(position.segment));
    if (!file.ok()) return absl::IsNotFound(file.status()) ? Lost(directory_, position, "no file") : file.status();
    file_ = *std::move(file);
    file_number_ = position.segment;
  }
  absl::StatusOr<std::string_view> bytes = Read(position, kFirstReadSize);
  if (!bytes.ok()) return bytes.status();
  RecordView record;
  RecordStatus status = DecodeRecord(*bytes, position, fragments_, record, verify);
  if (status == RecordStatus::kNeedMore) {
    bytes = Read(position, record.size_on_disk);
    if (!bytes.ok()) return bytes.status();
    status = DecodeRecord(*bytes, position, fragments_, record, verify);
  }
  if (status != RecordStatus::kOk) return Lost(directory_, position, "no whole record");
  return record;
}

absl::StatusOr<std::unique_ptr<MessageReader>> MessageReader::Open(Directory& directory, Position position) {
  std::unique_ptr<MessageReader> reader(new MessageReader(directory));
  const absl::StatusOr<RecordView> record = reader->fetcher_.Fetch(position);
  if (!record.ok()) return record.status();
  if (!MakesMessage(record->kind)) return Lost(directory, position, "no message");
  reader->message_ = record->message;
  reader->head_ = record->head;
  reader->fragments_.assign(record->fragments.begin(), record->fragments.end());
  reader->last_ = record->body;
  reader->size_ = record->message_size;
  std::optional<Envelope> envelope = ParseEnvelope(reader->head_);
  if (!envelope) return Lost(directory, position, "no envelope");
  reader->envelope_ = *std::move(envelope);
  return reader;
}

absl::StatusOr<std::string_view> MessageReader::NextChunk() {
  while (rest_.empty() && next_ <= fragments_.size()) {
    if (absl::Status status = NextPiece(); !status.ok()) return status;
  }
  const std::string_view chunk = rest_.substr(0, kChunkSizeMax);
  rest_.remove_prefix(chunk.size());
  return chunk;
}

void MessageReader::Rewind() {
  next_ = 0;
  read_size_ = 0;
  rest_ = {};
}

absl::Status MessageReader::NextPiece() {
  std::string_view piece = last_;
  if (next_ < fragments_.size()) {
    const Position position = fragments_[next_];
    if (position.segment == 0) return absl::DataLossError("a piece of the message was lost before it was moved");
    const absl::StatusOr<RecordView> record = fetcher_.Fetch(position);
    if (!record.ok()) return record.status();
    if (record->kind != RecordKind::kFragment || record->message != message_) {
      return absl::DataLossError(absl::StrCat("another record at ", position.segment, ":", position.offset));
    }
    piece = record->body;
  } else if (read_size_ + piece.size() != size_) {
    return absl::DataLossError(
        absl::StrCat("the pieces have ", read_size_ + piece.size(), " bytes, the message ", size_));
  }
  ++next_;
  read_size_ += piece.size();
  rest_ = piece;
  return absl::OkStatus();
}

std::optional<RecordView> LogReader::Next(Position frontier) {
  for (;;) {
    if ((reader_ == nullptr || sealed_) && !OpenNextSegment(frontier)) return std::nullopt;
    const bool is_past = segment_ < frontier.segment;
    if (segment_ > frontier.segment) return std::nullopt;
    reader_->set_limit(is_past ? file_size_ : std::min(frontier.offset, file_size_));
    RecordView record;
    const uint32_t offset = reader_->offset();
    switch (reader_->Next(record)) {
      case SegmentReader::Result::kRecord:
        if (record.kind != RecordKind::kSealed) return record;
        sealed_ = true;
        break;
      case SegmentReader::Result::kEnd:
        if (!is_past) return std::nullopt;
        sealed_ = true;
        break;
      case SegmentReader::Result::kDamage: Quarantine(offset, reader_->Skip(), record.message); break;
    }
  }
}

bool LogReader::OpenNextSegment(Position frontier) {
  if (frontier.segment <= segment_) return false;
  error_ = absl::OkStatus();
  const absl::StatusOr<std::vector<std::string>> names = directory_.List();
  if (!names.ok()) {
    error_ = names.status();
    return false;
  }
  uint32_t next = UINT32_MAX;
  for (const std::string& name : *names) {
    const std::optional<uint32_t> number = ParseSegmentName(name);
    if (number && *number > segment_) next = std::min(next, *number);
  }
  if (next > frontier.segment) return false;
  absl::StatusOr<std::unique_ptr<File>> file = directory_.OpenForRead(SegmentName(next));
  if (!file.ok()) {
    error_ = file.status();
    return false;
  }
  const absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) {
    error_ = size.status();
    return false;
  }
  segment_ = next;
  file_size_ = static_cast<uint32_t>(std::min<uint64_t>(*size, kSegmentSizeMax));
  sealed_ = false;
  reader_ = std::make_unique<SegmentReader>(*std::move(file), next, 0);
  ++report_.segment_count;
  return true;
}

void LogReader::Quarantine(uint32_t offset, uint32_t size, MessageId message) {
  const absl::Status& error = reader_->read_error();
  if (!error.ok()) oldest_unread_segment_ = std::min(oldest_unread_segment_, segment_);
  ++report_.damage_count;
  if (report_.damage.size() == kDamageCountMax) return;
  report_.damage.push_back(
      {.position = {segment_, offset}, .size = size, .message = message, .error = std::string(error.message())});
  // What could not be read is copied when it can be: one day, it may be whole.
  if (quarantine_ == nullptr || !error.ok()) return;
  const std::string name = absl::StrCat(SegmentName(segment_), "-", offset);
  const std::string path = absl::StrCat(quarantine_->path(), "/", name);
  absl::StatusOr<std::unique_ptr<File>> copy = quarantine_->Create(name, 0);
  if (absl::IsAlreadyExists(copy.status())) report_.damage.back().copied_to = path;  // seen at an earlier start
  if (!copy.ok()) return;
  std::vector<char> bytes(std::min<size_t>(size, kCopySize));
  for (uint32_t done = 0; done < size;) {
    const uint32_t wanted = std::min<uint32_t>(size - done, kCopySize);
    const absl::StatusOr<size_t> count = reader_->file().ReadAt(std::span(bytes).first(wanted), offset + done);
    if (!count.ok() || *count == 0) break;  // what cannot be read cannot be copied
    const std::string_view piece(bytes.data(), *count);
    if (!(*copy)->WriteAt({&piece, 1}, done).ok()) return;
    done += static_cast<uint32_t>(*count);
  }
  if ((*copy)->Sync().ok() && quarantine_->Sync().ok()) report_.damage.back().copied_to = path;
}

}  // namespace postern
