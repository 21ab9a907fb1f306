// SpoolQueue is where handoffs wait for the store writer.
//
// The store writer owns it; any thread pushes, the writer's pops. Places are reserved before the promise that needs
// them is given (354), so a push never fails: a handoff takes the place that was reserved for it, and gives it back
// when its receipt has been sent.

#ifndef POSTERN_STORE_SPOOL_QUEUE_H_
#define POSTERN_STORE_SPOOL_QUEUE_H_

#include <atomic>
#include <cstddef>

#include "core/bounded_queue.h"
#include "core/handoff.h"

namespace postern {

class SpoolQueue {
 public:
  explicit SpoolQueue(size_t places) : places_(places), queue_(places) {}

  // Reserves `count` places; false when so many are not free. For a message: before it is admitted, until its receipt.
  bool TryReserve(size_t count) {
    size_t reserved = reserved_.load(std::memory_order_relaxed);
    do {
      if (reserved + count > places_) return false;
    } while (!reserved_.compare_exchange_weak(reserved, reserved + count, std::memory_order_relaxed));
    return true;
  }
  void GiveBack(size_t count) { reserved_.fetch_sub(count, std::memory_order_relaxed); }

  // False only when more is pushed than there are places.
  bool TryPush(Handoff* handoff) { return queue_.TryPush(handoff); }
  bool TryPop(Handoff*& handoff) { return queue_.TryPop(handoff); }
  bool LooksEmpty() const { return queue_.LooksEmpty(); }
  size_t places() const { return places_; }
  size_t reserved_count() const { return reserved_.load(std::memory_order_relaxed); }

 private:
  const size_t places_;
  std::atomic<size_t> reserved_{0};
  BoundedQueue<Handoff*> queue_;
};

}  // namespace postern

#endif  // POSTERN_STORE_SPOOL_QUEUE_H_
