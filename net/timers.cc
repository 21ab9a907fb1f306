#include "net/timers.h"

namespace postern {

void Timers::Arm(Timer& timer, MonotonicTime deadline) {
  if (timer.due) Disarm(timer);
  const bool earlier = deadline < timer.deadline;
  timer.deadline = deadline;
  if (!earlier) return;  // the heap learns of it when the old time comes
  if (timer.index == Timer::kNowhere) {
    heap_.push_back({.key = deadline, .timer = &timer});
    SiftUp(heap_.size() - 1);
  } else if (deadline < heap_[timer.index].key) {
    heap_[timer.index].key = deadline;
    SiftUp(timer.index);
  }
}

void Timers::Disarm(Timer& timer) {
  timer.deadline = kNever;
  if (timer.due) {
    due_[timer.index] = nullptr;
    timer.due = false;
    timer.index = Timer::kNowhere;
  } else if (timer.index != Timer::kNowhere) {
    RemoveFromHeap(timer);
  }
}

void Timers::RemoveFromHeap(Timer& timer) {
  const size_t index = timer.index;
  const Entry last = heap_.back();
  heap_.pop_back();
  timer.index = Timer::kNowhere;
  if (last.timer == &timer) return;
  Place(index, last);
  SiftUp(index);
  SiftDown(last.timer->index);
}

void Timers::FireDue(MonotonicTime now) {
  while (!heap_.empty() && heap_[0].key <= now) {
    Timer* timer = heap_[0].timer;
    if (timer->deadline > now) {  // it was moved later: only now does the heap hear of it
      heap_[0].key = timer->deadline;
      SiftDown(0);
      continue;
    }
    RemoveFromHeap(*timer);
    timer->due = true;
    timer->index = static_cast<uint32_t>(due_.size());
    due_.push_back(timer);
  }
  for (size_t i = 0; i < due_.size(); ++i) {
    Timer* timer = due_[i];
    if (timer == nullptr) continue;
    Disarm(*timer);
    timer->fire(*timer);
  }
  due_.clear();
}

void Timers::Place(size_t index, Entry entry) {
  heap_[index] = entry;
  entry.timer->index = static_cast<uint32_t>(index);
}

void Timers::SiftUp(size_t index) {
  const Entry entry = heap_[index];
  while (index > 0 && entry.key < heap_[(index - 1) / 2].key) {
    Place(index, heap_[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  Place(index, entry);
}

void Timers::SiftDown(size_t index) {
  const Entry entry = heap_[index];
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].key < heap_[child].key) ++child;
    if (!(heap_[child].key < entry.key)) break;
    Place(index, heap_[child]);
    index = child;
  }
  Place(index, entry);
}

}  // namespace postern
