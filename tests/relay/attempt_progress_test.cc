#include "relay/attempt_progress.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

class Body final : public MessageBody {
 public:
  absl::StatusOr<std::string_view> Next() override { return given ? std::string_view() : (given = true, "hello"); }
  absl::Status Rewind() override {
    if (stuck) return absl::DataLossError("the disk is sick");
    given = false;
    return absl::OkStatus();
  }
  bool given = false;
  bool stuck = false;
};

class AttemptProgressTest : public testing::Test {
 protected:
  AttemptProgressTest() {
    for (uint32_t i = 0; i < 4; ++i) {
      attempt_.indices.push_back(10 + i);
      attempt_.recipients.push_back({.address = kAddresses[i]});
    }
    attempt_.stored.body_size = 5;
    attempt_.stored.body = std::make_unique<Body>();
    progress_.Start(attempt_);
  }
  Body& body() { return static_cast<Body&>(*attempt_.stored.body); }
  std::string Next() {
    std::string who;
    for (const Recipient& recipient : progress_.NextTransaction().recipients) who += recipient.address;
    return who;
  }
  void Take(const std::vector<Fate>& fates) {
    std::vector<RecipientResult> results;
    for (const Fate fate : fates) results.push_back({.fate = fate});
    progress_.TakeResults(results);
  }
  std::vector<Fate> fates() const {
    std::vector<Fate> fates;
    for (const RecipientResult& result : attempt_.results) fates.push_back(result.fate);
    return fates;
  }

  static constexpr std::string_view kAddresses[] = {"a", "b", "c", "d"};
  Attempt attempt_;
  AttemptProgress progress_;
};

TEST_F(AttemptProgressTest, OneTransactionForAll) {
  EXPECT_EQ(Next(), "abcd");
  Take({Fate::kDelivered, Fate::kRefused, Fate::kDeferred, Fate::kDelivered});
  EXPECT_TRUE(progress_.all_settled());
  EXPECT_EQ(&progress_.Finish(), &attempt_);
  EXPECT_FALSE(progress_.active());
  EXPECT_EQ(fates(), (std::vector<Fate>{Fate::kDelivered, Fate::kRefused, Fate::kDeferred, Fate::kDelivered}));
}

TEST_F(AttemptProgressTest, WhoIsLeftGoesInTheNextAndResultsFindTheirPlaces) {
  Next();
  Take({Fate::kNextTransaction, Fate::kDelivered, Fate::kNextTransaction, Fate::kNextTransaction});
  EXPECT_FALSE(progress_.all_settled());
  EXPECT_EQ(fates(), (std::vector<Fate>{Fate::kPending, Fate::kDelivered, Fate::kPending, Fate::kPending}));
  EXPECT_EQ(Next(), "acd");
  EXPECT_EQ(Next(), "acd") << "another host, the same transaction";
  Take({Fate::kRefused, Fate::kNextTransaction, Fate::kDelivered});
  EXPECT_EQ(Next(), "c");
  Take({Fate::kDeferred});
  EXPECT_TRUE(progress_.all_settled());
  EXPECT_EQ(fates(), (std::vector<Fate>{Fate::kRefused, Fate::kDelivered, Fate::kDeferred, Fate::kDelivered}));
}

TEST_F(AttemptProgressTest, ATransactionThatBringsNobodyOnIsTheLast) {
  Next();
  Take({Fate::kDelivered, Fate::kNextTransaction, Fate::kNextTransaction, Fate::kNextTransaction});
  Next();
  Take({Fate::kNextTransaction, Fate::kNextTransaction, Fate::kNextTransaction});
  EXPECT_TRUE(progress_.all_settled());
  EXPECT_EQ(fates(), (std::vector<Fate>{Fate::kDelivered, Fate::kDeferred, Fate::kDeferred, Fate::kDeferred}));
}

TEST_F(AttemptProgressTest, WhatEndsTheAttemptIsForThoseWhoAreLeft) {
  Next();
  Take({Fate::kDelivered, Fate::kNextTransaction, Fate::kRefused, Fate::kNextTransaction});
  progress_.SettleLeft({.fate = Fate::kDeferred, .reply = {.code = 421}});
  EXPECT_TRUE(progress_.all_settled());
  EXPECT_EQ(fates(), (std::vector<Fate>{Fate::kDelivered, Fate::kDeferred, Fate::kRefused, Fate::kDeferred}));
  EXPECT_EQ(attempt_.results[3].reply.code, 421);
}

TEST_F(AttemptProgressTest, AllAreLeftBeforeTheFirst) {
  progress_.SettleLeft({.fate = Fate::kRefused});
  EXPECT_EQ(fates(), std::vector<Fate>(4, Fate::kRefused));
}

TEST_F(AttemptProgressTest, EachTransactionHasTheBodyFromItsStart) {
  Next();
  EXPECT_EQ(*progress_.NextPiece(), "hello");
  EXPECT_EQ(*progress_.NextPiece(), "");
  Next();
  EXPECT_EQ(*progress_.NextPiece(), "hello");
  body().stuck = true;
  Next();
  EXPECT_EQ(progress_.NextPiece().status().message(), "the disk is sick");
  body().stuck = false;
  Next();  // as far as it was read is not known: from the start once more
  EXPECT_EQ(*progress_.NextPiece(), "hello");
}

TEST_F(AttemptProgressTest, ABodyThatWasNotTouchedIsNotReadAgain) {
  body().stuck = true;
  Next();
  Next();
  EXPECT_EQ(*progress_.NextPiece(), "hello");
}

}  // namespace
}  // namespace postern
