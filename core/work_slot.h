// WorkSlot is where a thread notes what it works on just now, so that it is known when the program dies of it.
//
// Whoever opens a table of them owns it (gateway/black_box.h), in memory that outlives the process; a slot belongs to
// one thread, and nobody else reads it while that lives. A WorkScope fills it in for as long as a thread works on one
// message, and between two pieces of work it is empty: whoever waits is not at work, however much he has begun.
//
//   { WorkScope scope(slot, WorkStage::kRelaying, message);  ...  }      a few stores, no call, no system

#ifndef POSTERN_CORE_WORK_SLOT_H_
#define POSTERN_CORE_WORK_SLOT_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "core/message.h"

namespace postern {

// The numbers are in the table, which the next version reads.
enum class WorkStage : uint32_t {
  kNone = 0,
  kReceiving = 1,  // input of a peer is parsed
  kStoring = 2,    // a piece or an outcome becomes a record
  kReading = 3,    // a record of the log is read and folded into the queue
  kRelaying = 4,   // an attempt is begun, or its results are noted
  kTalking = 5,    // with a next hop
  kMailbox = 6,    // written into mailboxes
  kReporting = 7,  // a report on it is made
  kBundling = 8,   // copied for a bug report
};
inline constexpr WorkStage kLastWorkStage = WorkStage::kBundling;

// With whom: cut at its size, so that to note it is to copy a few words.
struct WorkPeer {
  WorkPeer() = default;
  explicit WorkPeer(std::string_view name) {
    std::copy_n(name.begin(), std::min(name.size(), text.size()), text.begin());
  }
  std::string_view view() const {
    return {text.data(), static_cast<size_t>(std::find(text.begin(), text.end(), '\0') - text.begin())};
  }
  std::array<char, 48> text = {};
};

struct alignas(128) WorkSlot {
  // `stage` is stored last and cleared first, so that the rest is true wherever a thread is stopped.
  WorkStage stage = WorkStage::kNone;
  uint32_t log = 0;       // kReading: its number,
  uint64_t position = 0;  //   and where the record is in it (segment << 32 | offset)
  uint64_t message = 0;   // its id's number; 0 when it has none yet
  WorkPeer peer{};        // kReceiving, kTalking
  std::array<char, 32> thread = {};
  uint64_t life = 0;  // of the program; after a power cut the note of an earlier one may be found

  void NotePosition(uint64_t where) {
    Store(message, uint64_t{0});
    Store(position, where);
  }
  void NoteMessage(MessageId id) { Store(message, id.number); }

 private:
  friend class WorkScope;
  // One plain store, which no compiler leaves out or moves behind the work.
  template <typename T>
  static void Store(T& place, T value) {
    std::atomic_ref<T>(place).store(value, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
};
static_assert(std::is_trivially_copyable_v<WorkSlot> && sizeof(WorkSlot) == 128);

// Scopes may be nested; at the end of one the thread works on what it did before. A null slot notes nothing.
class WorkScope {
 public:
  WorkScope(WorkSlot* slot, WorkStage stage, MessageId message, const WorkPeer* peer = nullptr) : slot_(slot) {
    if (slot_ == nullptr) return;
    stage_before_ = slot_->stage;
    message_before_ = slot_->message;
    if (peer != nullptr) slot_->peer = *peer;
    WorkSlot::Store(slot_->message, message.number);
    WorkSlot::Store(slot_->stage, stage);
  }
  ~WorkScope() {
    if (slot_ == nullptr) return;
    WorkSlot::Store(slot_->stage, stage_before_);
    WorkSlot::Store(slot_->message, message_before_);
  }
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;

 private:
  WorkSlot* const slot_;
  WorkStage stage_before_ = WorkStage::kNone;
  uint64_t message_before_ = 0;
};

}  // namespace postern

#endif  // POSTERN_CORE_WORK_SLOT_H_
