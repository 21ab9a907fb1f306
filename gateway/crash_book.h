// CrashBook counts what was in work when the program died: who was so twice is not tried a third time.
//
// BlackBox owns it, and the memory that it lies in, which outlives the process (gateway/black_box.h). It belongs to the
// thread that opens the gateway, and then to the relay's. It is small, and when it is full the oldest count is
// forgotten.
//
//   a crash that was seen     the thread that crashed is known: what it worked on has a crash more, nothing else has
//   a death that nobody saw   kill -9, the power, a machine without memory: each thread's work has a death more
//
// Guilty is who was at two crashes, or at four deaths, or at one and two of them. A thread's work is a piece of one
// message, some microseconds long, so a death suspects one message a thread at most, and four of them hardly ever the
// same innocent one.

#ifndef POSTERN_GATEWAY_CRASH_BOOK_H_
#define POSTERN_GATEWAY_CRASH_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/work_slot.h"

namespace postern {

enum class SuspectKind : uint32_t {
  kNobody = 0,   // a free place
  kMessage = 1,  // key: the number of its id
  kRecord = 2,   // key: its position in `log`; it was being read
  kPeer = 3,     // its input was being parsed
};

// In the file, as it is in memory.
struct Suspect {
  SuspectKind kind = SuspectKind::kNobody;
  uint32_t log = 0;
  uint64_t key = 0;
  WorkPeer peer{};  // kPeer; and with whom a message was under way
  WorkStage stage = WorkStage::kNone;
  uint32_t crash_count = 0;
  uint32_t death_count = 0;
  uint32_t checksum = 0;   // of all else: after a power cut anything may be found
  uint64_t last_life = 0;  // of the program, in which it was counted last

  bool guilty() const { return 2 * crash_count + death_count >= 4; }
};

class CrashBook {
 public:
  // `places` are lent. Those that make no sense are cleared.
  explicit CrashBook(std::span<Suspect> places);

  // What a thread worked on when the program died in `life`, once for each life however often it is called. Who it is
  // now; null when the work was nobody's.
  const Suspect* Count(const WorkSlot& work, bool crashed, uint64_t life);

  std::vector<Suspect> Guilty() const;
  void Forget(const Suspect& suspect);
  // Records are tried again by another version.
  void ForgetAll(SuspectKind kind);

 private:
  Suspect* Find(const Suspect& who);
  Suspect& MakeRoom();

  const std::span<Suspect> places_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_CRASH_BOOK_H_
