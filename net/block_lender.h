// BlockLender lends a reactor's blocks to whoever needs one, first come first served when there are too few.
//
// A reactor's owner owns it, on the reactor's thread. A BlockBorrower that asked in vain is called back in a later
// turn, never inside the call in which another gives its block back. Where the system refuses memory for one, it is
// asked again after a pause.

#ifndef POSTERN_NET_BLOCK_LENDER_H_
#define POSTERN_NET_BLOCK_LENDER_H_

#include <chrono>
#include <deque>

#include "core/block_pool.h"
#include "net/reactor.h"
#include "net/timers.h"

namespace postern {

inline constexpr Duration kMemoryPause = std::chrono::milliseconds(100);

class BlockBorrower {
 public:
  virtual ~BlockBorrower() = default;
  // A block may be had now: ask again.
  virtual void HandleBlockFree() = 0;
};

class BlockLender final : public TurnHook {
 public:
  BlockLender(Reactor& reactor, size_t block_count_max) : reactor_(reactor), pool_(block_count_max) {
    ask_again_.owner = this;
    ask_again_.fire = [](Timer& timer) { static_cast<BlockLender*>(timer.owner)->pool_.AskAgain(); };
    reactor_.AddHook(*this);
  }
  ~BlockLender() override {
    reactor_.timers().Disarm(ask_again_);
    reactor_.RemoveHook(*this);
  }

  // Null when none is free, or when others wait already: then `borrower` waits behind them.
  Block* TryTake(BlockBorrower& borrower) {
    if (waiting_.empty() || serving_) {
      if (Block* block = pool_.TryTake(); block != nullptr) return block;
    }
    if (pool_.refused()) reactor_.timers().Arm(ask_again_, reactor_.now() + kMemoryPause);
    waiting_.push_back(&borrower);
    return nullptr;
  }
  void Give(Block* block) { pool_.Give(block); }
  // `borrower` waits no longer.
  void Forget(BlockBorrower& borrower) { std::erase(waiting_, &borrower); }

  void RunTurn() override {
    serving_ = true;
    // Everybody who waits now is asked once, while there are blocks; who still needs one joins the end of the line.
    for (size_t count = waiting_.size(); count > 0 && HasWork(); --count) {
      BlockBorrower* borrower = waiting_.front();
      waiting_.pop_front();
      borrower->HandleBlockFree();
    }
    serving_ = false;
  }
  bool HasWork() const override { return !waiting_.empty() && pool_.may_take(); }

  const BlockPool& pool() const { return pool_; }

 private:
  Reactor& reactor_;
  BlockPool pool_;
  std::deque<BlockBorrower*> waiting_;
  Timer ask_again_;
  bool serving_ = false;  // a borrower whose turn it is passes those behind it
};

}  // namespace postern

#endif  // POSTERN_NET_BLOCK_LENDER_H_
