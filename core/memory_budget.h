// MemoryBudget bounds what many owners together take of a memory that each of them allocates for himself.
//
// One reactor owns it, on its own thread, and lends it to all that it bounds. It holds no memory: whoever is about to
// grow charges it first, and gives back what he charged when he has shrunk.

#ifndef POSTERN_CORE_MEMORY_BUDGET_H_
#define POSTERN_CORE_MEMORY_BUDGET_H_

#include <cstddef>

#include "absl/log/check.h"

namespace postern {

class MemoryBudget {
 public:
  explicit MemoryBudget(size_t size_max) : size_max_(size_max) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // False when `size` bytes more would be too many: then nothing was charged.
  bool TryCharge(size_t size) {
    if (size > size_max_ - charged_size_) return false;
    charged_size_ += size;
    return true;
  }
  void GiveBack(size_t size) {
    DCHECK_LE(size, charged_size_);
    charged_size_ -= size;
  }

  size_t charged_size() const { return charged_size_; }

 private:
  const size_t size_max_;
  size_t charged_size_ = 0;
};

}  // namespace postern

#endif  // POSTERN_CORE_MEMORY_BUDGET_H_
