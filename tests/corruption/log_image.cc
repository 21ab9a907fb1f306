#include "tests/corruption/log_image.h"

#include <utility>

#include "absl/log/check.h"
#include "store/log_reader.h"
#include "store/queue_index.h"
#include "store/segment_reader.h"
#include "store/store_writer.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

constexpr size_t kPlaces = 64;

std::vector<ImageRecord> ReadRecords(Directory& directory, const LogImage& image) {
  std::vector<ImageRecord> records;
  for (const auto& [name, bytes] : image) {
    const auto number = ParseSegmentName(name);
    if (!number) continue;
    SegmentReader reader(*directory.OpenForRead(name), *number, static_cast<uint32_t>(bytes.size()));
    RecordView record;
    while (reader.Next(record) == SegmentReader::Result::kRecord) {
      const size_t content_size = record.head.size() + record.state.size() + record.body.size();
      const size_t table_size = record.fragments.size() * sizeof(Position);
      records.push_back({.kind = record.kind,
                         .message = record.message,
                         .position = record.position,
                         .size = record.size_on_disk,
                         .checked_size = static_cast<uint32_t>(kRecordHeaderSize + table_size + content_size),
                         .durable_size = record.durable_size,
                         .fragments = {record.fragments.begin(), record.fragments.end()}});
      if (record.kind == RecordKind::kSealed) break;
    }
  }
  return records;
}

// Lives in a log, and writes down what it has put there.
class Author {
 public:
  Author(Directory& directory, uint64_t salt, WrittenLog& written)
      : directory_(directory),
        log_(*SegmentLog::Open(directory, kImageOptions, nullptr)),
        writer_(*log_, kPlaces),
        driver_(writer_),
        salt_(salt),
        written_(written) {}

  void Live(bool seal) {
    for (uint64_t i = 0; i < salt_; ++i) Mail(100 + i, {8 * i});
    Mail(1, {40});
    Mail(2, {170, 170, 31}, 2);
    Commit();
    Mail(3, {12});
    Mail(4, {90});
    Commit();
    driver_.Outcome(Of(1), EncodeOutcome(0, RecipientState::kDeferred));
    driver_.Outcome(Of(4), EncodeOutcome(0, RecipientState::kDelivered));
    Commit();
    for (uint64_t number = 5; number < 9; ++number) Mail(number, {200, 300, 10});
    Commit();
    driver_.Outcome(Of(3), EncodeOutcome(0, RecipientState::kFailed));
    Commit();
    Report(20, 3);
    Commit();
    Move(2);
    Move(5);
    Commit();
    Mail(21, {70});
    Commit();
    Mail(22, {1});
    Mail(23, {64});
    Mail(24, {5});
    Commit();
    if (seal) CHECK_OK(log_->Seal());
  }

 private:
  MessageId Of(uint64_t number) const { return Id(salt_ * 1000 + number); }

  std::string& NewBody(uint64_t number, const std::vector<size_t>& pieces) {
    std::string& body = written_.bodies[Of(number).number];
    for (const size_t piece : pieces) body += Body(salt_ * 1000 + number, piece);
    return body;
  }

  void Mail(uint64_t number, const std::vector<size_t>& pieces, size_t recipient_count = 1) {
    std::string_view rest = NewBody(number, pieces);
    for (size_t i = 0; i + 1 < pieces.size(); ++i) {
      driver_.Fragment(Of(number), rest.substr(0, pieces[i]));
      rest.remove_prefix(pieces[i]);
    }
    driver_.Accept(Of(number), rest, EncodeEnvelope(recipient_count));
  }

  void Report(uint64_t number, uint64_t about) {
    driver_.Report(Of(number), Of(about), EncodeOutcome(0, RecipientState::kBounced), NewBody(number, {50}));
  }

  void Move(uint64_t number) {
    LogReader reader(directory_, nullptr);
    QueueIndex index;
    while (const auto record = reader.Next(log_->durable())) index.Apply(*record);
    const QueuedMessage* queued = index.Find(Of(number));
    CHECK(queued != nullptr);
    OutcomeWriter state;
    index.EncodeState(*queued, state);
    driver_.Move(Of(number), queued->position(), state.bytes());
  }

  void Commit() {
    for (const Handoff* receipt : driver_.Run()) CHECK(receipt->result == HandoffResult::kDurable);
  }

  Directory& directory_;
  const std::unique_ptr<SegmentLog> log_;
  StoreWriter writer_;
  WriterDriver driver_;
  const uint64_t salt_;
  WrittenLog& written_;
};

}  // namespace

LogImage TakeImage(Directory& directory) {
  LogImage image;
  const auto names = directory.List();
  CHECK_OK(names);
  for (const std::string& name : *names) {
    if (!ParseSegmentName(name) && !ParseSpareName(name)) continue;
    const auto file = directory.OpenForRead(name);
    CHECK_OK(file);
    std::string bytes(*(*file)->Size(), '\0');
    CHECK_OK((*file)->ReadAt(bytes, 0));
    image[name] = std::move(bytes);
  }
  return image;
}

WrittenLog WriteLog(uint64_t salt, bool seal) {
  const LaidLog laid = LayDown({});
  WrittenLog written;
  Author(*laid.log, salt, written).Live(seal);
  written.files = TakeImage(*laid.log);
  written.records = ReadRecords(*laid.log, written.files);
  written.last_segment = written.records.back().position.segment;
  return written;
}

LaidLog LayDown(const LogImage& image) {
  LaidLog laid{.disk = std::make_unique<SimDisk>()};
  laid.log = *laid.disk->Open("log");
  laid.quarantine = *laid.disk->Open("quarantine");
  for (const auto& [name, bytes] : image) {
    const auto file = laid.log->Create(name, 0);
    CHECK_OK(file);
    const std::string_view piece = bytes;
    CHECK_OK((*file)->WriteAt({&piece, 1}, 0));
    CHECK_OK((*file)->Sync());
  }
  CHECK_OK(laid.log->Sync());
  return laid;
}

Recovered Recover(const LaidLog& laid) {
  Directory& log = *laid.log;
  Recovered recovered;
  const auto opened = SegmentLog::Open(log, kImageOptions, &recovered.opened);
  recovered.status = opened.status();
  if (!opened.ok()) return recovered;
  LogReader reader(log, laid.quarantine.get());
  QueueIndex index;
  while (const auto record = reader.Next((*opened)->durable())) {
    recovered.shown.push_back(record->position);
    index.Apply(*record);
  }
  recovered.status = reader.error();
  recovered.read = reader.report();
  for (size_t slot = 0; slot < index.slot_count(); ++slot) {
    const QueuedMessage* queued = index.At(slot);
    if (queued == nullptr) continue;
    const absl::StatusOr<std::string> body = ReadBody(log, queued->position());
    if (body.ok()) {
      recovered.bodies[queued->id().number] = *body;
    } else {
      recovered.unreadable.push_back(queued->id().number);
    }
  }
  return recovered;
}

}  // namespace postern
