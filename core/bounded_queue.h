// BoundedQueue is a lock-free queue of many producers and many consumers, with a fixed number of slots.
//
// It is shared by the threads that push and pop, and outlives them; it neither blocks nor allocates. Every slot carries
// a turn number that says whose it is, so a push takes three steps and a pop the mirror of them:
//
//   1. read `tail`, and the turn of the slot there; the slot is free when its turn equals `tail`;
//   2. claim it by moving `tail` on by one; who loses that race starts again;
//   3. write the value, then set the slot's turn to `tail + 1`, which hands it to the consumer.
//
// A consumer finds its slot full when the turn equals `head + 1`, and frees it by setting the turn a lap ahead. The
// release in step 3 and the acquire in step 1 order the value between the two threads; nothing else has to be ordered.

#ifndef POSTERN_CORE_BOUNDED_QUEUE_H_
#define POSTERN_CORE_BOUNDED_QUEUE_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <utility>

namespace postern {

template <typename T>
class BoundedQueue {
 public:
  // Room for at least `count_min` values.
  explicit BoundedQueue(size_t count_min)
      : mask_(std::bit_ceil(count_min < 2 ? size_t{2} : count_min) - 1), slots_(new Slot[mask_ + 1]) {
    for (size_t i = 0; i <= mask_; ++i) slots_[i].turn.store(i, std::memory_order_relaxed);
  }
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  // False when the queue is full.
  bool TryPush(T value) {
    size_t tail = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[tail & mask_];
      const size_t turn = slot.turn.load(std::memory_order_acquire);
      if (turn == tail) {
        if (!tail_.compare_exchange_weak(tail, tail + 1, std::memory_order_relaxed)) continue;
        slot.value = std::move(value);
        slot.turn.store(tail + 1, std::memory_order_release);
        return true;
      }
      if (static_cast<std::ptrdiff_t>(turn - tail) < 0) return false;  // still holds the value of a lap ago
      tail = tail_.load(std::memory_order_relaxed);
    }
  }

  // False when the queue is empty.
  bool TryPop(T& value) {
    size_t head = head_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[head & mask_];
      const size_t turn = slot.turn.load(std::memory_order_acquire);
      if (turn == head + 1) {
        if (!head_.compare_exchange_weak(head, head + 1, std::memory_order_relaxed)) continue;
        value = std::move(slot.value);
        slot.turn.store(head + mask_ + 1, std::memory_order_release);
        return true;
      }
      if (static_cast<std::ptrdiff_t>(turn - (head + 1)) < 0) return false;
      head = head_.load(std::memory_order_relaxed);
    }
  }

  // A moment's impression: others may push and pop meanwhile.
  bool LooksEmpty() const {
    const size_t head = head_.load(std::memory_order_acquire);
    return slots_[head & mask_].turn.load(std::memory_order_acquire) != head + 1;
  }

  size_t capacity() const { return mask_ + 1; }

 private:
  struct Slot {
    std::atomic<size_t> turn;
    T value{};
  };

  // Producers and consumers each have a cache line of their own, so that neither slows the other.
  static constexpr size_t kCacheLine = 64;

  const size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(kCacheLine) std::atomic<size_t> tail_{0};
  alignas(kCacheLine) std::atomic<size_t> head_{0};
};

}  // namespace postern

#endif  // POSTERN_CORE_BOUNDED_QUEUE_H_
