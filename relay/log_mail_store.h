// LogMailStore is the MailStore of the program: a fold over the logs, which it follows, and the writers that extend
// them.
//
// The gateway (or a command, when none runs) owns it; the relay uses it on its thread. It also keeps the logs short: it
// has old messages moved to the head, and tells the writers which segments are needed, never one that somebody still
// reads from.

#ifndef POSTERN_RELAY_LOG_MAIL_STORE_H_
#define POSTERN_RELAY_LOG_MAIL_STORE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "core/clock.h"
#include "core/doorbell.h"
#include "core/handoff.h"
#include "core/work_slot.h"
#include "relay/mail_store.h"
#include "store/log_reader.h"
#include "store/outcome.h"
#include "store/queue_index.h"
#include "store/store_writer.h"

namespace postern {

// One writer's directory. All of it outlives the store.
struct MailLog {
  Directory& directory;
  Directory* quarantine = nullptr;  // for damaged pieces; may be null
  StoreWriter& writer;
  uint32_t segment_size = kSegmentSizeDefault;
};

// Segments that are being read from, and may not be reused meanwhile. Readers are on two threads.
class SegmentPins {
 public:
  void Pin(uint32_t segment);
  void Unpin(uint32_t segment);
  uint32_t Oldest(uint32_t otherwise) const;

 private:
  mutable std::mutex mutex_;
  std::multiset<uint32_t> segments_;
};

class LogMailStore final : public MailStore {
 public:
  // `self` wakes the thread that uses the store; in `slot`, which may be null, that notes what it reads.
  LogMailStore(const std::vector<MailLog>& logs, Wakeable& self, WorkSlot* slot = nullptr);
  // Before the first Fold(): records that are not to be read (LogReader::PassOver).
  void PassOver(size_t log, std::vector<Position> positions) { logs_[log]->reader.PassOver(std::move(positions)); }

  bool Fold(FoldListener& listener, size_t record_count_max) override;
  bool stuck() const override;
  std::optional<MailState> Find(MessageId message) override;
  bool Walk(uint64_t& cursor, size_t count_max, absl::FunctionRef<void(const MailView&)> visit) override;
  void SetDestination(MessageId message, uint32_t recipient_index, uint32_t destination) override;
  size_t message_count() const override;
  absl::StatusOr<StoredMessage> Open(MessageId message) override;
  std::string LastText(MessageId message, uint32_t recipient_index) override;
  bool TryPush(Handoff& handoff) override;

  // What is to be done for the logs themselves, once in a turn: wakes the writers, moves messages, frees segments.
  void Maintain(MonotonicTime now);
  // Durable records that were not folded yet, or receipts of moves.
  bool HasWork() const;

  size_t log_count() const { return logs_.size(); }
  const QueueIndex& index(size_t log) const { return logs_[log]->index; }
  const LogReader& reader(size_t log) const { return logs_[log]->reader; }  // its report: what was damaged

 private:
  static constexpr size_t kMoveCountMax = 32;  // away at once, of one log
  // A disk that has just failed to read a message may take seconds to fail again, and the writer waits with it.
  static constexpr Duration kUnreadPause = std::chrono::minutes(1);

  struct Move {
    Handoff handoff;
    OutcomeWriter state;
  };
  struct Log {
    explicit Log(const MailLog& parts) : parts(parts), reader(parts.directory, parts.quarantine) {}
    const MailLog parts;
    size_t move_count = 0;        // away
    uint32_t needed_segment = 0;  // as the writer was told
    LogReader reader;
    QueueIndex index;
    Frontier folded;      // everything before it is in the index
    Frontier no_room_at;  // there was no room for a move; no other is tried until the log has grown
    // After a message that could not be read: when moves go on, and how many at once; a single one until one succeeds.
    MonotonicTime moves_rest_until{INT64_MIN};
    size_t moves_at_once = kMoveCountMax;
    bool pushed = false;  // the writer is to be woken
    std::shared_ptr<SegmentPins> pins = std::make_shared<SegmentPins>();
  };

  // A report from its first piece until it was read back or abandoned: all of it goes into one log, although the
  // message that it is about may be deleted meanwhile.
  struct Report {
    Log* log = nullptr;
    MessageId about;
    bool counted = false;  // as an outcome that is away
  };

  Log* Locate(MessageId message, const QueuedMessage** queued);
  Log& LocateForPush(MessageId message);
  bool TryPushReport(Handoff& handoff);
  void StartMoves(Log& log, MonotonicTime now);
  void TakeMoveReceipts(MonotonicTime now);

  WorkSlot* const slot_;
  std::vector<std::unique_ptr<Log>> logs_;
  absl::flat_hash_map<uint64_t, Report> reports_;  // by message id
  std::vector<std::unique_ptr<Move>> moves_away_;
  ReceiptBox move_receipts_;
};

}  // namespace postern

#endif  // POSTERN_RELAY_LOG_MAIL_STORE_H_
