#include "core/memory_budget.h"

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(MemoryBudget, IsSpentAndGivenBack) {
  MemoryBudget budget(10);
  EXPECT_TRUE(budget.TryCharge(6));
  EXPECT_FALSE(budget.TryCharge(5));
  EXPECT_FALSE(budget.TryCharge(static_cast<size_t>(-1)));
  EXPECT_EQ(budget.charged_size(), 6u);
  EXPECT_TRUE(budget.TryCharge(4));
  EXPECT_FALSE(budget.TryCharge(1));
  budget.GiveBack(9);
  EXPECT_TRUE(budget.TryCharge(9));
}

}  // namespace
}  // namespace postern
