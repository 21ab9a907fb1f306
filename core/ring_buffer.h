// RingBuffer is the bytes that a peer has sent and nobody has read yet.
//
// One connection owns it, on its reactor's thread. Its memory is lent (AttachMemory) while there is input and taken
// back when it is empty, so an idle connection holds none. What Peek() lends is gone at the next Consume() or
// TryStraighten(). While a receive is under way (LendRoom) bytes may be read, but nothing is moved.
//
//   not wrapped: Peek() is all that is unread
//        0        head                 head + size          capacity
//        |  free  |  unread  ...       |  free              |
//
//   wrapped: Peek() is the first part
//        0          tail               head                 capacity
//        | 2nd part |  free            |  unread, 1st part  |

#ifndef POSTERN_CORE_RING_BUFFER_H_
#define POSTERN_CORE_RING_BUFFER_H_

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "absl/log/check.h"

namespace postern {

class RingBuffer {
 public:
  RingBuffer() = default;
  explicit RingBuffer(std::span<char> memory) : memory_(memory) {}
  RingBuffer(const RingBuffer&) = delete;
  RingBuffer& operator=(const RingBuffer&) = delete;

  // Lends `memory` to an empty ring, or takes it back from one.
  void AttachMemory(std::span<char> memory) {
    CHECK(memory_.empty() && size_ == 0);
    memory_ = memory;
    head_ = 0;
  }
  std::span<char> DetachMemory() {
    CHECK_EQ(size_, 0u) << "unread bytes would be lost";
    CHECK(!room_lent_) << "somebody writes into the memory";
    return std::exchange(memory_, {});
  }
  bool attached() const { return !memory_.empty(); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t free_size() const { return memory_.size() - size_; }

  // The longest run of free bytes behind the unread ones; empty when the ring is full or has no memory.
  std::span<char> WritableSpan() {
    const size_t tail = head_ + size_;
    if (tail >= memory_.size()) return memory_.subspan(tail - memory_.size(), free_size());
    return memory_.subspan(tail);
  }

  // The same, to be written to until Commit(), whatever is read meanwhile.
  std::span<char> LendRoom() {
    room_lent_ = true;
    return WritableSpan();
  }

  // `count` bytes were written at the start of WritableSpan() or LendRoom(), perhaps none.
  void Commit(size_t count) {
    DCHECK_LE(count, free_size());
    size_ += count;
    room_lent_ = false;
    if (size_ == 0) head_ = 0;
  }

  // The first run of unread bytes: all of them unless the ring is wrapped.
  std::string_view Peek() const { return {memory_.data() + head_, std::min(size_, memory_.size() - head_)}; }
  bool wrapped() const { return head_ + size_ > memory_.size(); }

  void Consume(size_t count) {
    DCHECK_LE(count, size_);
    size_ -= count;
    head_ += count;
    if (head_ >= memory_.size()) head_ -= memory_.size();
    if (size_ == 0 && !room_lent_) head_ = 0;  // an empty ring starts over, so that most input is never wrapped
  }

  // Makes the unread bytes one run; false while room is lent. Needed only when a line lies across the end of the
  // memory, which happens at most once in a capacity's worth of input.
  bool TryStraighten() {
    if (room_lent_) return false;
    std::rotate(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(head_), memory_.end());
    head_ = 0;
    return true;
  }

 private:
  std::span<char> memory_;
  size_t head_ = 0;  // index of the first unread byte
  size_t size_ = 0;  // unread bytes
  bool room_lent_ = false;
};

}  // namespace postern

#endif  // POSTERN_CORE_RING_BUFFER_H_
