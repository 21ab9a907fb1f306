// Timers calls its timers back when their time has come.
//
// A reactor owns it, on its own thread; a Timer belongs to who arms it, and does not move while armed. Most timers are
// moved later again and again and never fire (every command does that), so moving one later costs nothing: the heap
// learns of it when the old time comes.

#ifndef POSTERN_NET_TIMERS_H_
#define POSTERN_NET_TIMERS_H_

#include <cstddef>
#include <vector>

#include "core/clock.h"

namespace postern {

struct Timer {
  void (*fire)(Timer&) = nullptr;
  void* owner = nullptr;

  // Of Timers:
  MonotonicTime deadline = kNever;
  MonotonicTime key = kNever;  // the time under which the heap knows it, at most `deadline`
  size_t index = SIZE_MAX;     // its place in the heap, or among those that are due; SIZE_MAX when it has none
  bool due = false;            // it fires in this call of FireDue(), unless somebody changes his mind before
};

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
  MonotonicTime NextDue() const { return heap_.empty() ? kNever : heap_[0]->key; }

 private:
  void RemoveFromHeap(Timer& timer);
  void Place(size_t index, Timer* timer);
  void SiftUp(size_t index);
  void SiftDown(size_t index);

  std::vector<Timer*> heap_;  // a binary heap by key
  std::vector<Timer*> due_;   // null where one was disarmed
};

}  // namespace postern

#endif  // POSTERN_NET_TIMERS_H_
