#include "smtp/peer_offers.h"

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(PeerOffers, ReadsWhatIsOffered) {
  const PeerOffers offers = ParsePeerOffers(
      "there.example at your service\npipelining\nCHUNKING\n8BITMIME\nSmtpUtf8\nDSN\nSIZE 1000\n"
      "LIMITS RCPTMAX=20 mailmax=5 RCPTDOMAINMAX=1 NEWMAX=7\nSTARTTLS");
  EXPECT_TRUE(offers.pipelining && offers.chunking && offers.eight_bit && offers.utf8 && offers.dsn && offers.size);
  EXPECT_EQ(offers.message_size_max, 1000u);
  EXPECT_EQ(offers.recipient_count_max, 20u);
  EXPECT_EQ(offers.mail_count_max, 5u);
  EXPECT_EQ(offers.recipient_domain_count_max, 1u);
}

TEST(PeerOffers, TheFirstLineIsAName) {
  EXPECT_FALSE(ParsePeerOffers("PIPELINING").pipelining);
  EXPECT_FALSE(ParsePeerOffers("").pipelining);
  EXPECT_FALSE(ParsePeerOffers("x\nPIPELINING2\nXDSN").pipelining);
}

TEST(PeerOffers, WhatIsNoNumberIsNoLimit) {
  EXPECT_EQ(ParsePeerOffers("x\nSIZE").message_size_max, 0u);
  EXPECT_TRUE(ParsePeerOffers("x\nSIZE").size);
  EXPECT_EQ(ParsePeerOffers("x\nSIZE many").message_size_max, 0u);
  EXPECT_EQ(ParsePeerOffers("x\nSIZE 10x").message_size_max, 0u);
  EXPECT_EQ(ParsePeerOffers("x\nSIZE 99999999999999999999").message_size_max, 0u);
  EXPECT_EQ(ParsePeerOffers("x\nSIZE  50 ").message_size_max, 50u);
  EXPECT_EQ(ParsePeerOffers("x\nLIMITS RCPTMAX RCPTMAX= MAILMAX=-1 RCPTDOMAINMAX=4294967296").recipient_count_max, 0u);
  EXPECT_EQ(ParsePeerOffers("x\nLIMITS MAILMAX=-1").mail_count_max, 0u);
  EXPECT_EQ(ParsePeerOffers("x\nLIMITS RCPTDOMAINMAX=4294967296").recipient_domain_count_max, 0u);
  EXPECT_EQ(ParsePeerOffers("x\nLIMITS").mail_count_max, 0u);
}

}  // namespace
}  // namespace postern
