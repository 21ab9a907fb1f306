// LogReader reads a log from its oldest record up to the durable frontier, and on while the log grows.
//
// The relay owns one, on its thread; it shares nothing with the writer but the files and the frontier. The same calls
// recover the queue at the start and follow the log afterwards. A MessageReader reads one message and may live on any
// one thread.

#ifndef POSTERN_STORE_LOG_READER_H_
#define POSTERN_STORE_LOG_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/envelope.h"
#include "core/work_slot.h"
#include "store/file.h"
#include "store/recovery_report.h"
#include "store/segment_format.h"
#include "store/segment_reader.h"

namespace postern {

// A segment that is open for reading. Several threads may read it at the same time.
struct OpenSegment {
  uint32_t number = 0;
  std::shared_ptr<File> file = {};
};

// Reads single records wherever they are; keeps the last file open.
class RecordFetcher {
 public:
  // `open` is one that need not be opened again.
  explicit RecordFetcher(Directory& directory, OpenSegment open = {}) : directory_(directory), open_(std::move(open)) {}

  // The record at `position`, lent until the next call. DataLoss when none is there or it is damaged; any other error
  // says that it cannot be read just now.
  absl::StatusOr<RecordView> Fetch(Position position, Verify verify = Verify::kAll);
  const OpenSegment& open() const { return open_; }

 private:
  absl::StatusOr<std::string_view> Read(Position position, size_t size);

  Directory& directory_;
  OpenSegment open_;
  std::unique_ptr<char[]> buffer_;
  size_t buffer_size_ = 0;
  std::vector<Position> fragments_;
};

// One stored message, its body in pieces of at most kChunkSizeMax.
class MessageReader {
 public:
  static constexpr size_t kChunkSizeMax = 64 * 1024;

  // `position` is that of the record that makes the message: kAccepted, kReport or kMoved. `open` becomes the segment
  // that it lies in.
  static absl::StatusOr<std::unique_ptr<MessageReader>> Open(Directory& directory, Position position,
                                                             OpenSegment& open);
  static absl::StatusOr<std::unique_ptr<MessageReader>> Open(Directory& directory, Position position) {
    OpenSegment none;
    return Open(directory, position, none);
  }

  MessageId message() const { return message_; }
  const Envelope& envelope() const { return envelope_; }
  std::string_view envelope_bytes() const { return head_; }
  uint64_t size() const { return size_; }  // bytes of the whole body

  // The next piece, gone at the next call; empty at the end. DataLoss when the log does not hold what was written.
  absl::StatusOr<std::string_view> NextChunk();
  // The next piece is the first one again. What was read is read, and checked, once more.
  void Rewind();

 private:
  // Lets rest_ be the next piece of the log.
  absl::Status NextPiece();

  MessageReader(Directory& directory, OpenSegment open, Position position)
      : fetcher_(directory, std::move(open)), position_(position) {}

  RecordFetcher fetcher_;
  const Position position_;
  MessageId message_;
  Envelope envelope_;  // points into head_
  std::string head_;
  std::vector<Position> fragments_;
  std::optional<std::string> last_;  // the piece in the accepted record, when it was read with its head
  size_t next_ = 0;                  // index into fragments_; its size stands for `last_`, one more for the end
  std::string_view rest_;            // of the piece that is being handed out
  uint64_t size_ = 0;
  uint64_t read_size_ = 0;
};

class LogReader {
 public:
  // Damaged pieces are copied into `quarantine`; null: they are only told.
  LogReader(Directory& directory, Directory* quarantine) : directory_(directory), quarantine_(quarantine) {}

  // The next record before `frontier`, in the order of the log; nothing when there is none yet. What it lends is gone
  // at the next call. Seals are not shown.
  std::optional<RecordView> Next(Position frontier);

  absl::StatusOr<std::unique_ptr<MessageReader>> ReadAccepted(Position position) {
    return MessageReader::Open(directory_, position, recent_);
  }
  // All that a crash has left was read and checked. What this process writes is checked when it is sent.
  void PassOverBodies() {
    passes_over_bodies_ = true;
    if (reader_ != nullptr) reader_->PassOverBodies();
  }

  // Where the thread that reads notes which record it comes to, and its message; may be null.
  void set_slot(WorkSlot* slot) { slot_ = slot; }
  // Records of which the program has died: they are told as damage, and kept as what cannot be read is.
  void PassOver(std::vector<Position> positions) { passed_over_ = std::move(positions); }

  // Where it goes on: everything before it has been shown. Segments from this one on are still needed.
  Position position() const { return reader_ ? Position{segment_, reader_->offset()} : Position{}; }
  // The first segment that could not be read wholly, UINT32_MAX when there is none. What was passed over there
  // may be mail: it must not be freed before a later start has read it.
  uint32_t oldest_unread_segment() const { return oldest_unread_segment_; }
  // What it found damaged so far.
  const RecoveryReport& report() const { return report_; }
  // Why Next() has nothing although the frontier is ahead; it tries again at the next call.
  const absl::Status& error() const { return error_; }

 private:
  bool OpenNextSegment(Position frontier);
  bool IsPassedOver(Position position) const;
  void CheckOrder(const RecordView& record);
  void HandleDamage(DamageKind kind, uint32_t offset, uint32_t size, MessageId message);
  void Tell(Damage damage);

  Directory& directory_;
  Directory* const quarantine_;
  uint32_t segment_ = 0;  // that reader_ reads; 0 before the first
  bool sealed_ = false;   // it has been read to its end
  uint32_t file_size_ = 0;
  std::unique_ptr<SegmentReader> reader_;
  bool passes_over_bodies_ = false;
  OpenSegment recent_;     // where a message was read last
  Position seal_;          // of the last record when it was a seal; nowhere otherwise
  uint64_t sequence_ = 0;  // of the last record
  uint32_t oldest_unread_segment_ = UINT32_MAX;
  RecoveryReport report_;
  absl::Status error_;
  WorkSlot* slot_ = nullptr;
  std::vector<Position> passed_over_;
};

}  // namespace postern

#endif  // POSTERN_STORE_LOG_READER_H_
