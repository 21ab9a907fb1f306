#include "store/log_reader.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/quarantine.h"

namespace postern {
namespace {

constexpr size_t kFirstReadSize = 4096;  // takes most records whole

absl::Status Lost(Directory& directory, Position position, std::string_view what) {
  return absl::DataLossError(
      absl::StrCat(directory.path(), "/", SegmentName(position.segment), ": ", what, " at ", position.offset));
}

}  // namespace

absl::StatusOr<std::string_view> RecordFetcher::Read(Position position, size_t size) {
  if (buffer_size_ < size) {
    // A record may be large, and a machine that has no memory for it now has some later.
    buffer_.reset(new (std::nothrow) char[size]);
    buffer_size_ = buffer_ == nullptr ? 0 : size;
    if (buffer_ == nullptr)
      return absl::UnavailableError(absl::StrCat("no memory to read ", size, " bytes of the log"));
  }
  const absl::StatusOr<size_t> count = open_.file->ReadAt(std::span(buffer_.get(), size), position.offset);
  if (!count.ok()) return count.status();
  return std::string_view(buffer_.get(), *count);
}

absl::StatusOr<RecordView> RecordFetcher::Fetch(Position position, Verify verify) {
  if (open_.file == nullptr || open_.number != position.segment) {
    absl::StatusOr<std::unique_ptr<File>> file = directory_.OpenForRead(SegmentName(position.segment));
    if (!file.ok()) return absl::IsNotFound(file.status()) ? Lost(directory_, position, "no file") : file.status();
    open_ = {.number = position.segment, .file = *std::move(file)};
  }
  absl::StatusOr<std::string_view> bytes = Read(position, kFirstReadSize);
  if (!bytes.ok()) return bytes.status();
  RecordView record;
  RecordStatus status = DecodeRecord(*bytes, position, fragments_, record, verify);
  if (status == RecordStatus::kNeedMore) {
    // Before so much memory is taken: a record that goes beyond its file is none, whatever its header says.
    const absl::StatusOr<uint64_t> file_size = open_.file->Size();
    if (!file_size.ok()) return file_size.status();
    if (record.size_on_disk + uint64_t{position.offset} > *file_size)
      return Lost(directory_, position, "no whole record");
    bytes = Read(position, record.size_on_disk);
    if (!bytes.ok()) return bytes.status();
    status = DecodeRecord(*bytes, position, fragments_, record, verify);
  }
  if (status != RecordStatus::kOk) return Lost(directory_, position, "no whole record");
  return record;
}

absl::StatusOr<std::unique_ptr<MessageReader>> MessageReader::Open(Directory& directory, Position position,
                                                                   OpenSegment& open) {
  std::unique_ptr<MessageReader> reader(new MessageReader(directory, open, position));
  const absl::StatusOr<RecordView> record = reader->fetcher_.Fetch(position, Verify::kHead);
  if (!record.ok()) return record.status();
  open = reader->fetcher_.open();
  if (!MakesMessage(record->kind)) return Lost(directory, position, "no message");
  reader->message_ = record->message;
  reader->head_ = record->head;
  reader->fragments_.assign(record->fragments.begin(), record->fragments.end());
  if (record->has_body) reader->last_ = record->body;
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
  const bool is_last = next_ == fragments_.size();
  std::string_view piece;
  if (is_last && last_.has_value()) {
    piece = *last_;
  } else {
    const Position position = is_last ? position_ : fragments_[next_];
    if (position.segment == 0) return absl::DataLossError("a piece of the message was lost before it was moved");
    const absl::StatusOr<RecordView> record = fetcher_.Fetch(position);
    if (!record.ok()) return record.status();
    if ((!is_last && record->kind != RecordKind::kFragment) || record->message != message_) {
      return absl::DataLossError(absl::StrCat("another record at ", position.segment, ":", position.offset));
    }
    piece = record->body;
  }
  if (is_last && read_size_ + piece.size() != size_) {
    return absl::DataLossError(
        absl::StrCat("the pieces have ", read_size_ + piece.size(), " bytes, the message ", size_));
  }
  ++next_;
  read_size_ += piece.size();
  rest_ = piece;
  return absl::OkStatus();
}

std::optional<RecordView> LogReader::Next(Position frontier) {
  for (bool at_damage = false;;) {
    if ((reader_ == nullptr || sealed_) && !OpenNextSegment(frontier)) return std::nullopt;
    const bool is_past = segment_ < frontier.segment;
    if (segment_ > frontier.segment) return std::nullopt;
    reader_->set_limit(is_past ? file_size_ : std::min(frontier.offset, file_size_));
    RecordView record;
    const Position position = {segment_, reader_->offset()};
    const uint32_t offset = position.offset;
    if (slot_ != nullptr) slot_->NotePosition(position.Pack());
    if (!passed_over_.empty() && IsPassedOver(position)) {
      HandleDamage(DamageKind::kPassedOver, offset, reader_->Skip(), {});
      at_damage = true;
      continue;
    }
    switch (reader_->Next(record)) {
      case SegmentReader::Result::kRecord:
        at_damage = false;
        if (slot_ != nullptr) slot_->NoteMessage(record.message);
        CheckOrder(record);
        if (record.kind != RecordKind::kSealed) return record;
        sealed_ = true;
        break;
      case SegmentReader::Result::kEnd:
        if (!is_past) return std::nullopt;
        // Before another one is begun, a segment is sealed.
        if (!at_damage) Tell({.kind = DamageKind::kCutOff, .position = {segment_, offset}, .sequence = sequence_});
        sealed_ = true;
        break;
      case SegmentReader::Result::kDamage:
        HandleDamage(DamageKind::kBroken, offset, reader_->Skip(), record.message);
        at_damage = true;
        break;
    }
  }
}

// At the frontier there is nothing to pass over yet.
bool LogReader::IsPassedOver(Position position) const {
  return position.offset + kRecordHeaderSize <= reader_->limit() &&
         std::find(passed_over_.begin(), passed_over_.end(), position) != passed_over_.end();
}

// Numbers go on from a seal to the first record of the next segment, whatever was cut and dropped before it.
void LogReader::CheckOrder(const RecordView& record) {
  if (seal_.segment != 0 && record.position.offset == 0 && record.sequence != sequence_ + 1) {
    Tell({.kind = DamageKind::kGap,
          .position = seal_,
          .sequence = record.sequence,
          .gap_count = record.sequence > sequence_ ? record.sequence - sequence_ - 1 : 0});
  }
  seal_ = record.kind == RecordKind::kSealed ? record.position : Position{};
  sequence_ = record.sequence;
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
  recent_ = {};  // what is freed behind us shall not be kept by being open
  segment_ = next;
  file_size_ = static_cast<uint32_t>(std::min<uint64_t>(*size, kSegmentSizeMax));
  sealed_ = false;
  reader_ = std::make_unique<SegmentReader>(*std::move(file), next, 0);
  if (passes_over_bodies_) reader_->PassOverBodies();
  ++report_.segment_count;
  return true;
}

void LogReader::HandleDamage(DamageKind kind, uint32_t offset, uint32_t size, MessageId message) {
  seal_ = {};
  Damage damage{.kind = kind, .position = {segment_, offset}, .size = size, .message = message, .sequence = sequence_};
  const absl::Status& error = reader_->read_error();
  if (kind == DamageKind::kPassedOver || !error.ok()) {
    oldest_unread_segment_ = std::min(oldest_unread_segment_, segment_);
  }
  if (!error.ok()) {
    // Not copied: when it can be read one day, a copy of today would be in the way.
    damage.kind = DamageKind::kUnreadable;
    damage.error = error.message();
  } else if (quarantine_ != nullptr && report_.damage.size() < kDamageCountMax) {
    damage.copied_to = CopyToQuarantine(reader_->file(), damage.position, size, *quarantine_).value_or("");
  }
  Tell(std::move(damage));
}

void LogReader::Tell(Damage damage) {
  ++report_.damage_count;
  if (report_.damage.size() < kDamageCountMax) report_.damage.push_back(std::move(damage));
}

}  // namespace postern
