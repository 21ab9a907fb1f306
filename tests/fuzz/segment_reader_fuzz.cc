// Any bytes as the last segment of a log: they are read, recovered and read again, and nothing is believed that is not
// whole. The first byte chooses how much of them is mended first, since nobody guesses a checksum.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/log/check.h"
#include "store/log_reader.h"
#include "store/queue_index.h"
#include "store/segment_log.h"
#include "store/segment_reader.h"
#include "tests/sim/sim_disk.h"

namespace postern {
namespace {

constexpr size_t kSizeMax = 8192;
constexpr uint32_t kNumber = 1;

enum Mode : uint8_t { kRaw, kMended, kMendedInPart };

uint32_t Field(const std::string& bytes, size_t offset) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Makes a chain of whole records out of whatever is there, sizes cut to what fits; FORMAT.md has the offsets. In part:
// those with an odd message id are left with a wrong body.
void Mend(std::string& bytes, Mode mode) {
  uint64_t sequence = 0;
  for (size_t offset = 0; offset + kRecordHeaderSize <= bytes.size();) {
    size_t left = bytes.size() - offset - kRecordHeaderSize;
    const auto take = [&](size_t field, size_t unit) {
      const size_t count = std::min<size_t>(Field(bytes, offset + field) % 4096, left / unit);
      left -= count * unit;
      return count;
    };
    std::vector<Position> fragments(take(36, sizeof(Position)));
    const size_t head_size = take(24, 1);
    const size_t state_size = take(28, 1);
    const size_t body_size = take(32, 1);
    const char* content = bytes.data() + offset + kRecordHeaderSize;
    if (!fragments.empty()) std::memcpy(fragments.data(), content, fragments.size() * sizeof(Position));
    content += fragments.size() * sizeof(Position);
    RecordView record;
    record.kind = static_cast<RecordKind>(1 + static_cast<uint8_t>(bytes[offset + 44]) % 6);
    record.position = {kNumber, static_cast<uint32_t>(offset)};
    record.durable_size = Field(bytes, offset + 20);
    record.message_size = Field(bytes, offset + 40);
    record.message.number = Field(bytes, offset + 56);
    record.sequence = ++sequence;
    record.fragments = fragments;
    record.head = {content, head_size};
    record.state = {content + head_size, state_size};
    record.body = {content + head_size + state_size, body_size};
    record.body_checksum = Checksum(record.body);
    if (mode == kMendedInPart) record.body_checksum ^= record.message.number & 1;
    std::array<char, kRecordHeaderSize> header;
    EncodeHeader(record, header);
    std::memcpy(bytes.data() + offset, header.data(), header.size());
    offset += RecordSize(record);
  }
}

// What is shown is what lies there, and every step leads on.
void ReadSegment(Directory& directory, const std::string& bytes) {
  auto file = directory.OpenForRead(SegmentName(kNumber));
  CHECK(file.ok());
  SegmentReader reader(*std::move(file), kNumber, static_cast<uint32_t>(bytes.size()));
  for (;;) {
    const uint32_t offset = reader.offset();
    RecordView record;
    const SegmentReader::Result result = reader.Next(record);
    if (result == SegmentReader::Result::kEnd) break;
    if (result == SegmentReader::Result::kDamage) {
      CHECK_GT(reader.Skip(), 0u);
    } else {
      CHECK_EQ(record.position.offset, offset);
      CHECK_EQ(record.size_on_disk, RecordSize(record));
      CHECK_EQ(record.body_checksum, Checksum(record.body));
      std::array<char, kRecordHeaderSize> header;
      EncodeHeader(record, header);
      const std::string_view encoded(header.data(), header.size());
      CHECK(encoded == std::string_view(bytes).substr(offset, kRecordHeaderSize));
    }
    CHECK_GT(reader.offset(), offset);
    CHECK_LE(reader.offset(), bytes.size());
  }
}

// Everything that a recovery shows, in words.
std::string Recover(Directory& directory) {
  auto log = SegmentLog::Open(directory, {.segment_size = 16384, .segment_size_min = 4096}, nullptr);
  CHECK(log.ok()) << log.status();
  LogReader reader(directory, nullptr);
  QueueIndex index;
  std::string shown;
  while (const auto record = reader.Next((*log)->durable())) {
    shown += std::to_string(record->position.offset) + ' ';
    index.Apply(*record);
  }
  for (size_t slot = 0; slot < index.slot_count(); ++slot) {
    const QueuedMessage* queued = index.At(slot);
    if (queued == nullptr) continue;
    auto message = reader.ReadAccepted(queued->position());
    if (!message.ok()) continue;
    uint64_t size = 0;
    absl::StatusOr<std::string_view> chunk;
    while ((chunk = (*message)->NextChunk()).ok() && !chunk->empty()) size += chunk->size();
    CHECK(!chunk.ok() || size == (*message)->size());
  }
  return shown;
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;  // NOLINT(google-build-using-namespace): the fuzzer's function has no namespace
  if (size == 0 || size > kSizeMax) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto mode = static_cast<Mode>(data[0] % 3); mode != kRaw) Mend(bytes, mode);
  SimDisk disk;
  const auto directory = disk.Open("log");
  CHECK(directory.ok());
  {
    const auto file = (*directory)->Create(SegmentName(kNumber), 0);
    const std::string_view piece = bytes;
    CHECK(file.ok() && (*file)->WriteAt({&piece, 1}, 0).ok() && (*file)->Sync().ok() && (*directory)->Sync().ok());
  }
  ReadSegment(**directory, bytes);
  const std::string first = Recover(**directory);
  CHECK_EQ(Recover(**directory), first) << "a second recovery shows something else";
  return 0;
}
