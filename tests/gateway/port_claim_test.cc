#include "gateway/port_claim.h"

#include "gtest/gtest.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_network.h"

namespace postern {
namespace {

SocketAddress At(std::string_view text) { return *SocketAddress::Parse(text); }

class PortClaimTest : public testing::Test {
 protected:
  SimClock clock_;
  SimNetwork network_{clock_, 1};
};

TEST_F(PortClaimTest, ClaimsAllThatIsFree) {
  PortClaim claim({At("0.0.0.0:25"), At("[::]:25")}, network_);
  EXPECT_FALSE(claim.complete());
  EXPECT_TRUE(claim.TryClaim().empty());
  EXPECT_TRUE(claim.complete());
  EXPECT_EQ(claim.ToString(), "0.0.0.0:25, [::]:25");
  const std::vector<Socket> claimed = claim.TakeClaimed();
  ASSERT_EQ(claimed.size(), 2u);
  EXPECT_EQ(network_.LocalAddress(claimed[1]), At("[::]:25"));
  EXPECT_TRUE(claim.TakeClaimed().empty());
  for (const Socket socket : claimed) network_.CloseNow(socket);
}

TEST_F(PortClaimTest, TakesAPortAsSoonAsItIsFree) {
  const Socket holder = network_.ListenOn(At("127.0.0.1:25"), 1).socket;
  PortClaim claim({At("0.0.0.0:25"), At("[::]:25")}, network_);
  for (int i = 0; i < 3; ++i) {
    const std::vector<PortClaim::Refusal> refusals = claim.TryClaim();
    ASSERT_EQ(refusals.size(), 1u);
    EXPECT_EQ(refusals[0].address, At("0.0.0.0:25"));
    EXPECT_EQ(refusals[0].result.error, NetError::kAddressInUse);
    EXPECT_FALSE(claim.complete());
    EXPECT_EQ(claim.ToString(), "[::]:25");
  }
  network_.CloseNow(holder);
  EXPECT_TRUE(claim.TryClaim().empty());
  EXPECT_TRUE(claim.complete());
  EXPECT_EQ(claim.ToString(), "[::]:25, 0.0.0.0:25");
  EXPECT_EQ(network_.open_count(), 2u);
}

TEST_F(PortClaimTest, WhatNobodyTookIsClosedWithTheClaim) {
  {
    PortClaim claim({At("0.0.0.0:25")}, network_);
    claim.TryClaim();
    EXPECT_EQ(network_.open_count(), 1u);
  }
  EXPECT_EQ(network_.open_count(), 0u);
}

TEST_F(PortClaimTest, TellsThePortThatTheSystemChose) {
  PortClaim claim({At("127.0.0.1:0")}, network_);
  claim.TryClaim();
  EXPECT_NE(claim.ToString(), "127.0.0.1:0");
}

}  // namespace
}  // namespace postern
