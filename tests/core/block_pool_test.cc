#include "core/block_pool.h"

#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(BlockPool, LendsUpToItsBoundAndTakesBack) {
  BlockPool pool(3);
  std::vector<Block*> lent;
  for (int i = 0; i < 3; ++i) lent.push_back(pool.TryTake());
  EXPECT_EQ(pool.TryTake(), nullptr);
  EXPECT_EQ(pool.lent_count(), 3u);
  lent[1]->size = 17;
  pool.Give(lent[1]);
  Block* again = pool.TryTake();
  EXPECT_EQ(again, lent[1]) << "the block given back last is the one still in the cache";
  EXPECT_EQ(again->size, 0u);
}

}  // namespace
}  // namespace postern
