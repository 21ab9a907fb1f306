#include "net/timers.h"

namespace postern {

void Timers::Arm(Timer& timer, MonotonicTime deadline) {
  if (timer.due) Disarm(timer);
  timer.deadline = deadline;
  if (timer.index == SIZE_MAX) {
    timer.key = deadline;
    heap_.push_back(&timer);
    timer.index = heap_.size() - 1;
    SiftUp(timer.index);
  } else if (deadline < timer.key) {
    timer.key = deadline;
    SiftUp(timer.index);
  }
}

void Timers::Disarm(Timer& timer) {
  timer.deadline = kNever;
  if (timer.due) {
    due_[timer.index] = nullptr;
    timer.due = false;
    timer.index = SIZE_MAX;
  } else if (timer.index != SIZE_MAX) {
    RemoveFromHeap(timer);
  }
}

void Timers::RemoveFromHeap(Timer& timer) {
  const size_t index = timer.index;
  Timer* last = heap_.back();
  heap_.pop_back();
  timer.index = SIZE_MAX;
  if (last == &timer) return;
  Place(index, last);
  SiftUp(index);
  SiftDown(last->index);
}

void Timers::FireDue(MonotonicTime now) {
  while (!heap_.empty() && heap_[0]->key <= now) {
    Timer* timer = heap_[0];
    if (timer->deadline > now) {  // it was moved later: only now does the heap hear of it
      timer->key = timer->deadline;
      SiftDown(0);
      continue;
    }
    RemoveFromHeap(*timer);
    timer->due = true;
    timer->index = due_.size();
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

void Timers::Place(size_t index, Timer* timer) {
  heap_[index] = timer;
  timer->index = index;
}

void Timers::SiftUp(size_t index) {
  Timer* timer = heap_[index];
  while (index > 0 && timer->key < heap_[(index - 1) / 2]->key) {
    Place(index, heap_[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  Place(index, timer);
}

void Timers::SiftDown(size_t index) {
  Timer* timer = heap_[index];
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->key < heap_[child]->key) ++child;
    if (!(heap_[child]->key < timer->key)) break;
    Place(index, heap_[child]);
    index = child;
  }
  Place(index, timer);
}

}  // namespace postern
