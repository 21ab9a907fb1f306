// BlockPool lends blocks of kBlockSize bytes, up to a fixed number of them.
//
// One reactor owns it, on its own thread: a block always comes home to the pool that lent it. A block is first
// allocated when it is first needed and then kept, so that after warm-up nothing is allocated. TryTake() returns null
// at the bound, and where the system has no memory: the caller waits, and back-pressure does the rest.

#ifndef POSTERN_CORE_BLOCK_POOL_H_
#define POSTERN_CORE_BLOCK_POOL_H_

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>
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
  explicit BlockPool(size_t count_max) : count_max_(count_max) {
    blocks_.reserve(count_max);
    free_.reserve(count_max);
  }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  Block* TryTake() {
    if (free_.empty()) {
      if (blocks_.size() == count_max_ || refused_) return nullptr;
      // Not value-initialised: a page of a block that nobody writes costs no memory.
      std::unique_ptr<Block> block(new (std::nothrow) Block);
      refused_ = block == nullptr;
      if (refused_) return nullptr;
      free_.push_back(block.get());
      blocks_.push_back(std::move(block));
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

  // Whether TryTake() would not return null, as far as we know.
  bool may_take() const { return !free_.empty() || (blocks_.size() < count_max_ && !refused_); }
  // The system had no memory for another block. What there is goes round, and no more is asked for until AskAgain().
  bool refused() const { return refused_; }
  void AskAgain() { refused_ = false; }

  size_t lent_count() const { return blocks_.size() - free_.size(); }
  size_t count_max() const { return count_max_; }

 private:
  const size_t count_max_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<Block*> free_;
  bool refused_ = false;
};

}  // namespace postern

#endif  // POSTERN_CORE_BLOCK_POOL_H_
