#include "store/segment_tail.h"

#include <algorithm>
#include <vector>

namespace postern {

SegmentTail FindTail(SegmentReader& reader, bool complete) {
  struct Bad {
    uint32_t offset;
    uint32_t end;           // where the next record was found
    uint64_t sequence;      // before it
    uint32_t record_count;  // before it
  };
  SegmentTail tail;
  std::vector<Bad> bad;
  uint32_t end = 0;
  uint64_t sequence = 0;
  uint32_t record_count = 0;
  for (;;) {
    RecordView record;
    const uint32_t offset = reader.offset();
    const SegmentReader::Result result = reader.Next(record);
    if (result == SegmentReader::Result::kEnd) break;
    if (result == SegmentReader::Result::kDamage) {
      if (record.size_on_disk > 0 && record.size_on_disk <= reader.limit() - offset) end = offset + record.size_on_disk;
      bad.push_back({offset, offset + reader.Skip(), sequence, record_count});
      continue;
    }
    const uint32_t durable = record.durable_size & ~(kRecordAlignment - 1);
    std::erase_if(bad, [durable](const Bad& b) { return b.end <= durable; });
    // Of one that was durable at its start only, the rest is torn.
    for (Bad& b : bad) b.offset = std::max(b.offset, durable);
    tail.durable_size = std::max(tail.durable_size, record.durable_size);
    end = reader.offset();
    sequence = record.sequence;
    ++record_count;
    if (record.kind == RecordKind::kSealed) {
      tail.sealed = bad.empty();
      break;
    }
  }
  if (complete) bad.clear();
  tail.sealed = tail.sealed || complete;
  tail.end = bad.empty() ? end : bad.front().offset;
  tail.sequence = bad.empty() ? sequence : bad.front().sequence;
  tail.torn_size = end > tail.end ? end - tail.end : 0;
  tail.torn_record_count = bad.empty() ? 0 : record_count - bad.front().record_count;
  tail.durable_size = std::min(tail.durable_size, tail.end);
  return tail;
}

}  // namespace postern
