// BlackBox is what a gateway notes of itself while it lives, for the next one to read: what each thread works on, and
// of what it died.
//
// The gateway owns it from after the store is locked until all its threads have ended; an end in order leaves nothing
// in it. It is one file that is mapped into memory: to note something is a few stores, which a kill cannot take back.
// Each slot belongs to its thread, the book to the thread that Open() is called on and then the relay's.
//
//   header | the text of a crash | slots, one a thread | the book: who was in work at how many deaths

#ifndef POSTERN_GATEWAY_BLACK_BOX_H_
#define POSTERN_GATEWAY_BLACK_BOX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/clock.h"
#include "core/work_slot.h"
#include "gateway/crash_book.h"
#include "store/file.h"

namespace postern {

// How the gateway before this one ended, which did not end in order.
struct Death {
  // What a thread worked on.
  struct Work {
    WorkSlot slot;
    bool crashed = false;              // it is this thread that died
    std::optional<Suspect> suspect{};  // with this death counted; nothing when nobody is blamed
  };
  WallTime started;       // that gateway
  std::string version{};  // of its program
  std::string crash{};    // the signal and the stack; empty when nobody saw it: a kill, or the power
  std::vector<Work> work{};
};

class BlackBox {
 public:
  static constexpr std::string_view kFileName = "black-box";
  static constexpr size_t kSlotCount = 256;
  static constexpr size_t kSuspectCount = 128;
  static constexpr size_t kCrashTextSizeMax = 8000;

  // Reads what the last one left in `directory`, counts it, and begins anew.
  static absl::StatusOr<std::unique_ptr<BlackBox>> Open(Directory& directory, std::string_view version, WallTime now);
  ~BlackBox();
  BlackBox(const BlackBox&) = delete;
  BlackBox& operator=(const BlackBox&) = delete;

  static size_t FileSize();
  // Who is guilty by the book in `directory`, for a command that is no gateway: nothing is changed. Nobody, when there
  // is no book, or it is another version's.
  static std::vector<Suspect> ReadGuilty(Directory& directory, std::string_view version);

  // Nothing when it ended in order, or there was none.
  const std::optional<Death>& last_death() const { return last_death_; }
  CrashBook& book() { return book_; }
  uint64_t life() const;

  // For one thread, as long as the box lives; null when there are more threads than slots: those note nothing.
  WorkSlot* TakeSlot(std::string_view thread);

  // Called from a signal handler, on the thread that dies; `slot` is that thread's, or null. More text is appended.
  void NoteCrash(const WorkSlot* slot, std::string_view text);

 private:
  struct Table;

  BlackBox(std::unique_ptr<SharedBytes> bytes, Table& table);
  void ReadDeath();

  const std::unique_ptr<SharedBytes> bytes_;
  Table& table_;
  CrashBook book_;
  std::optional<Death> last_death_;
  size_t taken_count_ = 0;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_BLACK_BOX_H_
