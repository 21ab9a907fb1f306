// Timers calls its timers back when their time has come.
//
// A reactor owns it, on its own thread; a Timer belongs to who arms it, and does not move while armed. Most timers are
// moved later again and again and never fire (every command does that), so moving one later costs nothing: the heap
// learns of it when the old time comes.

#ifndef POSTERN_NET_TIMERS_H_
#define POSTERN_NET_TIMERS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/clock.h"

namespace postern {

struct Timer {
  void (*fire)(Timer&) = nullptr;
  void* owner = nullptr;

  // Of Timers:
  static constexpr uint32_t kNowhere = UINT32_MAX;
  MonotonicTime deadline = kNever;
  uint32_t index = kNowhere;  // its place in the heap, or among those that are due
  bool due = false;           // it fires in this call of FireDue(), unless somebody changes his mind before
};
static_assert(sizeof(void*) != 8 || sizeof(Timer) == 32, "every connection has two");

class Timers {
 public:
  Timers() = default;
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  void Arm(Timer& timer, MonotonicTime deadline);  // anew, earlier or later
  void Disarm(Timer& timer);                       // afterwards it may be destroyed

  // Fires all that are due. One that is armed again meanwhile for a time that is past waits for the next call.
  void FireDue(MonotonicTime now);

  // When FireDue() next has something to do; kNever when nothing is armed.
  MonotonicTime NextDue() const { return heap_.empty() ? kNever : heap_[0].key; }

 private:
  // The key stands here and not in the timer, so that sifting looks at no timer but to tell it its place.
  struct Entry {
    MonotonicTime key;  // at most the timer's deadline
    Timer* timer;
  };

  void RemoveFromHeap(Timer& timer);
  void Place(size_t index, Entry entry);
  void SiftUp(size_t index);
  void SiftDown(size_t index);

  std::vector<Entry> heap_;  // a binary heap by key
  std::vector<Timer*> due_;  // null where one was disarmed
};

}  // namespace postern

#endif  // POSTERN_NET_TIMERS_H_
