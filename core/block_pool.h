// BlockPool lends blocks of kBlockSize bytes, up to a fixed number of them.
//
// One reactor owns it, on its own thread: a block always comes home to the pool that lent it. A block is first
// allocated when it is first needed and then kept, so that after warm-up nothing is allocated. TryTake() returns null
// at the bound: the caller waits, and back-pressure does the rest.

#ifndef POSTERN_CORE_BLOCK_POOL_H_
#define POSTERN_CORE_BLOCK_POOL_H_

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/log/check.h"
#include "core/limits.h"

namespace postern {

// Memory on loan, and how much of it is in use.
struct Block {
  size_t size = 0;  // bytes of `data` that hold something
  char data[kBlockSize];

  std::span<char> memory() { return data; }
  size_t free_size() const { return kBlockSize - size; }
};

class BlockPool {
 public:
  explicit BlockPool(size_t count_max) : count_max_(count_max) { free_.reserve(count_max); }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  Block* TryTake() {
    if (free_.empty()) {
      if (blocks_.size() == count_max_) return nullptr;
      // Not value-initialised: a page of a block that nobody writes costs no memory.
      blocks_.push_back(std::make_unique_for_overwrite<Block>());
      free_.push_back(blocks_.back().get());
    }
    Block* block = free_.back();  // the last one given back is the one still in the cache
    free_.pop_back();
    block->size = 0;
    return block;
  }

  void Give(Block* block) {
    DCHECK(block != nullptr);
    DCHECK_LT(free_.size(), blocks_.size());
    free_.push_back(block);
  }

  size_t lent_count() const { return blocks_.size() - free_.size(); }
  size_t count_max() const { return count_max_; }

 private:
  const size_t count_max_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<Block*> free_;
};

}  // namespace postern

#endif  // POSTERN_CORE_BLOCK_POOL_H_
