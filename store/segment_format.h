// segment_format is the bytes of one record: how they are written and when they are believed (FORMAT.md).
//
// These are values and functions without state, on any thread. A record that decodes is whole and is where it belongs;
// what is left over from a recycled file's earlier life never decodes, since every header names its own segment.
//
//   header 64 | positions of fragments, 8 each | head | state | body | zeros up to a multiple of 8

#ifndef POSTERN_STORE_SEGMENT_FORMAT_H_
#define POSTERN_STORE_SEGMENT_FORMAT_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/message.h"

namespace postern {

enum class RecordKind : uint8_t {
  kFragment = 1,  // a piece of a body, worth nothing until an accepted record names it
  kAccepted = 2,  // the envelope and the last piece: the message is ours
  kOutcome = 3,   // what became of recipients (store/outcome.h)
  kMoved = 4,     // a message as it was when it was copied here: as kAccepted, and the state of its recipients
  kSealed = 5,    // nothing follows in this segment
  kReport = 6,    // as kAccepted, a message of ours; and the outcome that it is for the message that it reports on
};

// Whether the record makes a message, with what kFragment records hold of it.
inline bool MakesMessage(RecordKind kind) {
  return kind == RecordKind::kAccepted || kind == RecordKind::kMoved || kind == RecordKind::kReport;
}

// Where a record starts. Segment numbers start at 1 and only grow, so a greater position is a younger record.
struct Position {
  uint32_t segment = 0;  // 0 is nowhere
  uint32_t offset = 0;
  friend auto operator<=>(const Position&, const Position&) = default;

  // As one number, for an atomic and for a kMove handoff.
  uint64_t Pack() const { return uint64_t{segment} << 32 | offset; }
  static Position Unpack(uint64_t packed) {
    return {static_cast<uint32_t>(packed >> 32), static_cast<uint32_t>(packed)};
  }
};

// One record, its bytes lent by the reader.
struct RecordView {
  RecordKind kind = RecordKind::kSealed;
  MessageId message = {};
  Position position = {};
  uint32_t size_on_disk = 0;    // with header and padding
  uint32_t durable_size = 0;    // bytes of this segment that were known to be synced when this was written
  uint32_t message_size = 0;    // of what makes a message: bytes of the whole body
  uint32_t body_checksum = 0;   // CRC32C of `body`
  uint64_t sequence = 0;        // one more for every record
  std::string_view head = {};   // of what makes a message: the envelope; kOutcome: the outcome
  std::string_view state = {};  // kMoved: the outcome of everything up to now; kReport: an encoded Settlement
  std::string_view body = {};
  bool has_body = true;  // false: it was not asked for, and is longer than what was read (Verify::kHead)
  std::span<const Position> fragments = {};  // of what makes a message: where the body begins; `body` is its end
};

// What a report settles of the message that it is about.
struct Settlement {
  MessageId about = {};
  std::string_view outcome = {};  // encoded: store/outcome.h
};
// message u64 little-endian | outcome
std::string EncodeSettlement(const Settlement& settlement);
// Nothing when the bytes are too few; views into them.
std::optional<Settlement> ParseSettlement(std::string_view bytes);

inline constexpr uint32_t kRecordHeaderSize = 64;
inline constexpr uint32_t kRecordAlignment = 8;
inline constexpr uint32_t kSegmentSizeMax = 1u << 31;
// A file with a greater number is none of ours: what comes behind it would soon have no number left.
inline constexpr uint32_t kSegmentNumberMax = 4'000'000'000;

// Bytes that a record will take on the disk.
uint64_t RecordSize(size_t head_size, size_t state_size, size_t body_size, size_t fragment_count);
inline uint64_t RecordSize(const RecordView& record) {
  return RecordSize(record.head.size(), record.state.size(), record.body.size(), record.fragments.size());
}

// Writes the header of `record`, whose body checksum is already in it, for the position that is in it.
void EncodeHeader(const RecordView& record, std::span<char, kRecordHeaderSize> out);

enum class RecordStatus : uint8_t {
  kOk,
  kNeedMore,    // the header is good; `view.size_on_disk` bytes make the record whole
  kBadHeader,   // no record starts here, or its header is damaged: its size is unknown
  kBadContent,  // the header is good, the rest is not: view.size_on_disk bytes can be skipped
};

enum class Verify : uint8_t {
  kAll,
  kAllButBody,
  kHead,  // as kAll; but the body may be missing, and then it is neither checked nor shown
};

// Decodes the record at the start of `bytes`, which belongs at `position`. `fragments` is the memory for its table. The
// fields of the header are set unless it is bad, all of them with kOk.
RecordStatus DecodeRecord(std::string_view bytes, Position position, std::vector<Position>& fragments, RecordView& view,
                          Verify verify = Verify::kAll);

// Where the record whose header `bytes` begin with says that it belongs; nothing when they are no header.
std::optional<Position> HeaderPosition(std::string_view bytes);

uint32_t Checksum(std::string_view bytes);

// File names: "segment-0000000007" is in use, "spare-0000000007" waits to be used again.
std::string SegmentName(uint32_t number);
std::string SpareName(uint32_t number);
std::optional<uint32_t> ParseSegmentName(std::string_view name);
std::optional<uint32_t> ParseSpareName(std::string_view name);

}  // namespace postern

#endif  // POSTERN_STORE_SEGMENT_FORMAT_H_
