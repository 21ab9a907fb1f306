// SegmentReader reads the records of one segment one after the other, and finds the next one behind damage.
//
// Its user owns it, on his thread. What Next() lends is gone at the next call. It reads nothing beyond the limit, so it
// may read the head while the writer appends to it: bytes below the durable frontier never change.

#ifndef POSTERN_STORE_SEGMENT_READER_H_
#define POSTERN_STORE_SEGMENT_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "store/file.h"
#include "store/segment_format.h"

namespace postern {

class SegmentReader {
 public:
  SegmentReader(std::unique_ptr<File> file, uint32_t number, uint32_t limit)
      : file_(std::move(file)), number_(number), limit_(limit) {}

  enum class Result : uint8_t {
    kRecord,  // `view` holds it; the reader stands behind it
    kEnd,     // the limit is reached: less than a header is left before it
    kDamage,  // no record can be read at offset(): Skip() goes on. `view.message` is set when it is known
  };
  Result Next(RecordView& view);
  // After kDamage: goes to the next place where a header can be read, or to the limit. Bytes skipped.
  uint32_t Skip();

  // From now on large bodies are passed over, and not read for their checksums.
  void PassOverBodies() { verify_ = Verify::kHead; }
  // More has been written.
  void set_limit(uint32_t limit) { limit_ = limit; }
  uint32_t limit() const { return limit_; }
  uint32_t number() const { return number_; }
  uint32_t offset() const { return offset_; }
  File& file() { return *file_; }
  // Not ok when the disk could not read some part of the file, twice: the part is shown as damage, and may be whole
  // another time.
  const absl::Status& read_error() const { return read_error_; }

 private:
  static constexpr uint32_t kReadSize = 512 * 1024;
  static constexpr uint32_t kHeadReadSize = 16 * 1024;  // while bodies are passed over
  static constexpr uint32_t kPageSize = 4096;           // what is given up when the disk cannot read it

  // Up to `size` bytes at offset_, fewer at the limit.
  std::string_view Fill(uint64_t size);
  void Read(std::span<char> bytes, uint32_t offset);
  RecordStatus Decode(RecordView& view);

  const std::unique_ptr<File> file_;
  const uint32_t number_;
  uint32_t limit_;
  Verify verify_ = Verify::kAll;
  uint32_t offset_ = 0;
  std::vector<char> buffer_;
  uint32_t buffer_offset_ = 0;  // of the file
  uint32_t buffer_size_ = 0;    // bytes that hold something
  std::vector<Position> fragments_;
  absl::Status read_error_;
};

}  // namespace postern

#endif  // POSTERN_STORE_SEGMENT_READER_H_
