// SegmentWriter writes one segment, from its start to its end, and never goes back.
//
// The segment log owns it, on the writer's thread. Bodies are not copied: what Append() is given is lent until Flush().
// A file that was never written is filled with zeros a piece ahead of the records, since the first write of
// preallocated room changes the file system's metadata, and a sync that flushes metadata costs more than one that does
// not.

#ifndef POSTERN_STORE_SEGMENT_WRITER_H_
#define POSTERN_STORE_SEGMENT_WRITER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "store/file.h"
#include "store/segment_format.h"

namespace postern {

class SegmentWriter {
 public:
  // `written_before`: the file had an earlier life.
  SegmentWriter(std::unique_ptr<File> file, uint32_t number, uint32_t size, bool written_before);

  // Whether a record of `size` bytes and the seal behind it still fit.
  bool HasRoom(uint64_t size) const { return end_ + size + kRecordHeaderSize <= size_; }
  bool batch_full() const { return header_count_ + 1 >= headers_.size(); }
  // `record` as it shall be, but for its position and durable size. There must be room, and the batch not full.
  Position Append(RecordView record);
  absl::Status Flush();
  absl::Status Sync();
  // Forgets what was appended since the last Flush().
  void Drop();
  // Appends the seal, for which there is always room, in a batch too.
  void AppendSeal(uint64_t sequence);

  uint32_t number() const { return number_; }
  bool written() const { return zeroed_ == size_; }  // to the end of the file
  uint32_t flushed_size() const { return flushed_; }
  uint32_t durable_size() const { return durable_; }

 private:
  static constexpr size_t kBatchRecordsMax = 160;              // six pieces each: below IOV_MAX
  static constexpr uint32_t kZeroAheadSize = 4 * 1024 * 1024;  // one metadata commit for some 3,000 small messages

  Position Add(RecordView record);
  absl::Status WriteZerosAhead();

  const std::unique_ptr<File> file_;
  const uint32_t number_;
  const uint32_t size_;  // of the file
  uint32_t end_ = 0;     // where the next record goes
  uint32_t flushed_ = 0;
  uint32_t durable_ = 0;
  uint32_t zeroed_;  // bytes of the file that have been written at some time
  std::vector<std::array<char, kRecordHeaderSize>> headers_;
  size_t header_count_ = 0;
  std::vector<std::string_view> pieces_;
};

}  // namespace postern

#endif  // POSTERN_STORE_SEGMENT_WRITER_H_
