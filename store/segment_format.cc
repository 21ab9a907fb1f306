#include "store/segment_format.h"

#include <bit>
#include <cstring>

#include "absl/crc/crc32c.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace postern {
namespace {

// The file is little-endian, and so is every machine that we build for: a number is its bytes.
static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(Position) == 8);

constexpr uint8_t kVersion = 1;
constexpr RecordKind kLastRecordKind = RecordKind::kReport;
constexpr std::string_view kSegmentPrefix = "segment-";
constexpr std::string_view kSparePrefix = "spare-";

// The header as it lies in the file; FORMAT.md has the same table.
struct Header {
  uint32_t header_checksum;   // of all that follows in the header
  uint32_t content_checksum;  // of positions, head and state
  uint32_t body_checksum;
  uint32_t segment;
  uint32_t offset;
  uint32_t durable_size;
  uint32_t head_size;
  uint32_t state_size;
  uint32_t body_size;
  uint32_t fragment_count;
  uint32_t message_size;
  uint8_t kind;
  uint8_t version;
  uint16_t zero;
  uint64_t sequence;
  uint64_t message;
};
static_assert(sizeof(Header) == kRecordHeaderSize);

uint32_t HeaderChecksum(std::string_view header) { return Checksum(header.substr(4, kRecordHeaderSize - 4)); }

std::optional<uint32_t> ParseName(std::string_view prefix, std::string_view name) {
  uint32_t number = 0;
  if (!absl::ConsumePrefix(&name, prefix) || name.size() != 10) return std::nullopt;
  if (name.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  if (!absl::SimpleAtoi(name, &number) || number == 0 || number > kSegmentNumberMax) return std::nullopt;
  return number;
}

}  // namespace

uint32_t Checksum(std::string_view bytes) { return static_cast<uint32_t>(absl::ComputeCrc32c(bytes)); }

uint64_t RecordSize(size_t head_size, size_t state_size, size_t body_size, size_t fragment_count) {
  const uint64_t size =
      uint64_t{kRecordHeaderSize} + head_size + state_size + body_size + fragment_count * sizeof(Position);
  return (size + kRecordAlignment - 1) & ~uint64_t{kRecordAlignment - 1};
}

void EncodeHeader(const RecordView& record, std::span<char, kRecordHeaderSize> out) {
  absl::crc32c_t content = absl::ComputeCrc32c(
      std::string_view(reinterpret_cast<const char*>(record.fragments.data()), record.fragments.size_bytes()));
  content = absl::ExtendCrc32c(content, record.head);
  content = absl::ExtendCrc32c(content, record.state);
  Header header = {};
  header.content_checksum = static_cast<uint32_t>(content);
  header.body_checksum = record.body_checksum;
  header.segment = record.position.segment;
  header.offset = record.position.offset;
  header.durable_size = record.durable_size;
  header.head_size = static_cast<uint32_t>(record.head.size());
  header.state_size = static_cast<uint32_t>(record.state.size());
  header.body_size = static_cast<uint32_t>(record.body.size());
  header.fragment_count = static_cast<uint32_t>(record.fragments.size());
  header.message_size = record.message_size;
  header.kind = static_cast<uint8_t>(record.kind);
  header.version = kVersion;
  header.sequence = record.sequence;
  header.message = record.message.number;
  std::memcpy(out.data(), &header, sizeof header);
  const uint32_t checksum = HeaderChecksum({out.data(), out.size()});
  std::memcpy(out.data(), &checksum, sizeof checksum);
}

RecordStatus DecodeRecord(std::string_view bytes, Position position, std::vector<Position>& fragments, RecordView& view,
                          Verify verify) {
  if (bytes.size() < kRecordHeaderSize) return RecordStatus::kBadHeader;
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  // The cheap look first: in a recycled file nearly everything is of an earlier life.
  if (header.segment != position.segment || header.offset != position.offset) return RecordStatus::kBadHeader;
  if (header.header_checksum != HeaderChecksum(bytes)) return RecordStatus::kBadHeader;
  if (header.version != kVersion || header.zero != 0 || header.kind < static_cast<uint8_t>(RecordKind::kFragment) ||
      header.kind > static_cast<uint8_t>(kLastRecordKind)) {
    return RecordStatus::kBadHeader;
  }
  const uint64_t size = RecordSize(header.head_size, header.state_size, header.body_size, header.fragment_count);
  if (size > kSegmentSizeMax - position.offset) return RecordStatus::kBadHeader;
  view = {};
  view.kind = static_cast<RecordKind>(header.kind);
  view.message.number = header.message;
  view.position = position;
  view.size_on_disk = static_cast<uint32_t>(size);
  view.durable_size = header.durable_size;
  view.message_size = header.message_size;
  view.body_checksum = header.body_checksum;
  view.sequence = header.sequence;
  const uint64_t table_size = header.fragment_count * sizeof(Position);
  const uint64_t content_size = table_size + header.head_size + header.state_size;
  view.has_body = bytes.size() >= size;
  if (!view.has_body && (verify != Verify::kHead || bytes.size() < kRecordHeaderSize + content_size)) {
    return RecordStatus::kNeedMore;
  }
  const std::string_view content = bytes.substr(kRecordHeaderSize, content_size);
  if (Checksum(content) != header.content_checksum) return RecordStatus::kBadContent;
  if (view.has_body) {
    view.body = bytes.substr(kRecordHeaderSize + content_size, header.body_size);
    if (verify != Verify::kAllButBody && Checksum(view.body) != header.body_checksum) return RecordStatus::kBadContent;
  }
  fragments.resize(header.fragment_count);
  if (table_size > 0) std::memcpy(fragments.data(), content.data(), table_size);
  view.fragments = fragments;
  view.head = content.substr(table_size, header.head_size);
  view.state = content.substr(table_size + header.head_size);
  return RecordStatus::kOk;
}

std::optional<Position> HeaderPosition(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderSize) return std::nullopt;
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.header_checksum != HeaderChecksum(bytes)) return std::nullopt;
  return Position{header.segment, header.offset};
}

std::string EncodeSettlement(const Settlement& settlement) {
  std::string bytes(reinterpret_cast<const char*>(&settlement.about.number), sizeof settlement.about.number);
  bytes.append(settlement.outcome);
  return bytes;
}

std::optional<Settlement> ParseSettlement(std::string_view bytes) {
  Settlement settlement;
  if (bytes.size() < sizeof settlement.about.number) return std::nullopt;
  std::memcpy(&settlement.about.number, bytes.data(), sizeof settlement.about.number);
  settlement.outcome = bytes.substr(sizeof settlement.about.number);
  return settlement;
}

std::string SegmentName(uint32_t number) { return absl::StrFormat("%s%010u", kSegmentPrefix, number); }
std::string SpareName(uint32_t number) { return absl::StrFormat("%s%010u", kSparePrefix, number); }
std::optional<uint32_t> ParseSegmentName(std::string_view name) { return ParseName(kSegmentPrefix, name); }
std::optional<uint32_t> ParseSpareName(std::string_view name) { return ParseName(kSparePrefix, name); }

}  // namespace postern
