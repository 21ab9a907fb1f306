// FindTail finds where the records of the last segment end, and tells damage from a write that a crash has torn.
//
// A function without state, on the thread of the reader that it is lent. The log cuts and seals what it finds;
// log_check only tells it.

#ifndef POSTERN_STORE_SEGMENT_TAIL_H_
#define POSTERN_STORE_SEGMENT_TAIL_H_

#include <cstdint>

#include "store/segment_reader.h"

namespace postern {

// What lies in the last segment.
struct SegmentTail {
  uint32_t end = 0;                // where the records that count end
  uint32_t durable_size = 0;       // before it all was on stable storage when the last of them was written
  uint32_t torn_size = 0;          // bytes behind it that were being written
  uint32_t torn_record_count = 0;  // whole records among them, behind the first torn one
  bool sealed = false;
  uint64_t sequence = 0;  // of the last record that counts
};

// Reads from the start to a seal or to the limit. A bad place is a torn write when no record behind it knew it to be
// durable, and damage otherwise; in a segment that is `complete`, since another was begun behind it, every one is
// damage. What the disk could not read is told by reader.read_error().
SegmentTail FindTail(SegmentReader& reader, bool complete);

}  // namespace postern

#endif  // POSTERN_STORE_SEGMENT_TAIL_H_
