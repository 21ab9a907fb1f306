// SegmentLog is the log of one directory: it gives every record its place, makes it durable, and reuses the files.
//
// The store writer owns it, on its own thread; only durable() may be called on another. Append() lends memory to the
// log until Flush(), Flush() gives it to the system, Sync() makes it a fact. Files are used strictly from the oldest to
// the youngest, and freed strictly from the oldest on.
//
//   | oldest | ... | head: durable | flushed | appended |  free  |   spare files, to be used next
//                                  ^ durable()           ^ the room for the seal is always kept

#ifndef POSTERN_STORE_SEGMENT_LOG_H_
#define POSTERN_STORE_SEGMENT_LOG_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/limits.h"
#include "store/file.h"
#include "store/recovery_report.h"
#include "store/segment_format.h"
#include "store/segment_writer.h"

namespace postern {

struct SegmentLogOptions {
  uint32_t segment_size = kSegmentSizeDefault;   // a multiple of 8
  uint32_t segment_size_min = 4u * 1024 * 1024;  // on a disk that has no room for larger ones
  uint32_t spare_count_max = 4;                  // more files than these are removed instead of kept for reuse
};

// What the log writes next. All of it is lent until Flush().
struct NewRecord {
  RecordKind kind = RecordKind::kFragment;
  MessageId message = {};
  std::string_view head = {};
  std::string_view state = {};
  std::string_view body = {};
  std::span<const Position> fragments = {};
  uint32_t message_size = 0;
  const uint32_t* body_checksum = nullptr;  // of a record that is copied as it is; computed when null
  bool frees_room = false;                  // an outcome, or a part of a move: it may use the last spare segment
};

enum class AppendResult : uint8_t {
  kOk,
  kNoRoom,    // the disk is full
  kTooLarge,  // the record fits no segment, whatever room there is
  kPoisoned,
};

// Everything before it is on stable storage.
using Frontier = Position;

class SegmentLog {
 public:
  // Recovers what is there: cuts a torn tail, and starts a new segment, so that nothing is ever written behind one. A
  // full disk is no error: what is there can be read, and Append() says kNoRoom. `report` may be null.
  static absl::StatusOr<std::unique_ptr<SegmentLog>> Open(Directory& directory, SegmentLogOptions options,
                                                          RecoveryReport* report);
  ~SegmentLog();

  // Before the first Append() of a batch: room may have come back.
  void BeginBatch();
  // Gives `record` its place. kNoRoom, kTooLarge: nothing was kept.
  AppendResult Append(const NewRecord& record, Position& position);
  // Writes what was appended. ResourceExhausted: it is forgotten and the log lives on; any other error poisons the log.
  absl::Status Flush();
  // Flushes, and makes all of it durable. An error poisons the log.
  absl::Status Sync();
  // Seals the head, for a clean end. The next Append() starts another segment.
  absl::Status Seal();

  // Whether the record that was given `position` in this batch was written, and whether it is durable.
  bool Written(Position position) const { return position < flushed_ && !Dropped(position); }
  bool Durable(Position position) const { return position < durable() && !Dropped(position); }

  // Any thread.
  Frontier durable() const { return Position::Unpack(durable_.load(std::memory_order_acquire)); }

  // Files before `segment` are needed no more. An error is harmless: they are kept, and tried again next time.
  absl::Status ReleaseBefore(uint32_t segment);

  bool poisoned() const { return poisoned_; }
  // Why it is poisoned, or why there was no room last time.
  const absl::Status& error() const { return error_; }
  uint32_t oldest_segment() const { return segments_.empty() ? 0 : segments_.front().number; }
  size_t segment_count() const { return segments_.size(); }
  size_t spare_count() const { return spares_.size(); }
  uint64_t sequence() const { return sequence_; }  // of the next record
  Directory& directory() { return directory_; }

 private:
  // A file of the log, or a spare one.
  struct Segment {
    uint32_t number;
    uint32_t size;
    bool written;  // to its end, in this or an earlier life
  };

  SegmentLog(Directory& directory, SegmentLogOptions options) : directory_(directory), options_(options) {}

  bool Dropped(Position position) const { return dropped_ && position >= dropped_at_; }
  absl::Status Recover(RecoveryReport& report);
  absl::Status FindFiles();
  // Finds the end of the last segment, cuts what is torn, and seals it. `complete`: another one was begun behind it, so
  // nothing of it can be torn.
  absl::Status RecoverLast(RecoveryReport& report, bool complete, bool& was_empty);
  absl::Status MakeSpare(const Segment& segment);
  absl::Status FlushHead();
  absl::Status SyncHead();
  // Seals the head where the flushed bytes end, and syncs it; no head afterwards, unless there was no room for the
  // seal.
  absl::Status CloseHead();
  // Sees to it that `count` spares are there for a record of `size` bytes.
  absl::Status EnsureSpares(size_t count, uint64_t size);
  absl::Status AddSpare();
  // A new head from a spare that has room for `size` bytes.
  absl::Status StartHead(uint64_t size);
  absl::Status Fail(absl::Status status);
  void Publish(Position durable);

  Directory& directory_;
  const SegmentLogOptions options_;
  std::deque<Segment> segments_;  // in use, the head included
  std::vector<Segment> spares_;
  // Every file gets a number when it is made and another one when it is reused; none is given twice.
  uint32_t next_segment_ = 1;
  uint64_t sequence_ = 1;
  std::unique_ptr<SegmentWriter> head_;  // null: there was no room for one, or it was sealed
  bool head_spoilt_ = false;             // behind its flushed bytes lie halves of records: it takes only its seal
  bool full_ = false;                    // no room for another file: not tried again in this batch
  bool dropped_ = false;                 // nothing more is written in this batch
  Position dropped_at_ = {};             // records from here on were forgotten
  Position flushed_ = {};
  uint64_t flushed_sequence_ = 1;  // of the next record, when what was not flushed is forgotten
  bool poisoned_ = false;
  absl::Status error_;
  std::atomic<uint64_t> durable_{0};
};

}  // namespace postern

#endif  // POSTERN_STORE_SEGMENT_LOG_H_
