#include "net/block_lender.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/net/world.h"

namespace postern {
namespace {

// Takes a block when it may, unless it wants none any more.
struct Borrower final : BlockBorrower {
  Borrower(BlockLender& lender, char name, std::string& order) : lender(lender), name(name), order(order) {}
  void HandleBlockFree() override {
    order += name;
    if (wants) block = lender.TryTake(*this);
  }
  BlockLender& lender;
  const char name;
  std::string& order;
  bool wants = true;
  Block* block = nullptr;
};

class BlockLenderTest : public testing::Test {
 protected:
  void Turn() { reactor_.Turn(Duration::zero()); }

  World world_{1};
  Reactor reactor_{world_.poller(), world_.clock()};
  BlockLender lender_{reactor_, 1};
  std::string order_;
  Borrower a_{lender_, 'a', order_}, b_{lender_, 'b', order_}, c_{lender_, 'c', order_};
};

TEST_F(BlockLenderTest, WhoCameFirstIsServedFirstAndInALaterTurn) {
  Block* const only = lender_.TryTake(a_);
  ASSERT_NE(only, nullptr);
  EXPECT_EQ(lender_.TryTake(b_), nullptr);
  EXPECT_EQ(lender_.TryTake(c_), nullptr);
  lender_.Give(only);
  EXPECT_EQ(order_, "") << "not inside Give()";
  EXPECT_EQ(lender_.TryTake(a_), nullptr) << "others wait already";
  Turn();
  EXPECT_EQ(order_, "b");
  EXPECT_EQ(b_.block, only);
  for (Borrower* borrower : {&b_, &c_, &a_}) {
    lender_.Give(borrower->block);
    Turn();
  }
  EXPECT_EQ(order_, "bca");
  EXPECT_EQ(lender_.pool().lent_count(), 0u);
}

TEST_F(BlockLenderTest, WhoWantsNoneAnyMoreLetsTheNextPass) {
  Block* const only = lender_.TryTake(a_);
  lender_.TryTake(b_);
  lender_.TryTake(c_);
  b_.wants = false;
  lender_.Give(only);
  Turn();
  EXPECT_EQ(order_, "bc");
  EXPECT_EQ(c_.block, only);
  lender_.Give(only);
}

TEST_F(BlockLenderTest, WhoIsForgottenIsNotAsked) {
  Block* const only = lender_.TryTake(a_);
  lender_.TryTake(b_);
  lender_.Forget(b_);
  lender_.Give(only);
  EXPECT_FALSE(lender_.HasWork());
  Turn();
  EXPECT_EQ(order_, "");
}

}  // namespace
}  // namespace postern
