// A relay whose log fails it: what cannot be read, or noted, is neither lost nor sent twice.

#include <algorithm>
#include <vector>

#include "relay/queue_view.h"
#include "tests/relay/relay_world.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class RelayLogTest : public RelayWorld {
 protected:
  RelayLogTest() { Begin(); }
};

TEST_F(RelayLogTest, WhileALogCannotBeReadOnNothingOfItIsTriedAgain) {
  Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  store_.unreadable_log = true;
  Pass(hours(1));
  EXPECT_TRUE(courier_.started.empty());
  store_.unreadable_log = false;
  Settle();
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayLogTest, WhatAPoisonedLogCannotTakeHoldsUpNoStop) {
  const MessageId id = Accept({"y@away.example"});
  Accept({"z@away.example"});
  Settle();
  courier_.Answer(Fate::kDelivered, 250);
  store_.Commit(HandoffResult::kPoisoned);
  Settle();
  EXPECT_EQ(relay_->Act(QueueAction::kRetry, id),
            QueueOperations::Answer::kBusy);  // never a second time before a restart
  relay_->Stop();
  EXPECT_FALSE(relay_->idle());  // the other one is under way
  courier_.Answer(Fate::kDelivered, 250);
  store_.Commit(HandoffResult::kPoisoned);
  Settle();
  EXPECT_TRUE(relay_->idle());
}

TEST_F(RelayLogTest, AnUnreadableMessageIsToldAndTriedLater) {
  store_.unreadable = true;
  const MessageId id = Accept({"y@away.example"});
  Settle();
  EXPECT_EQ(events_, (std::vector<DeliveryEventKind>{DeliveryEventKind::kReadFailed}));
  EXPECT_TRUE(ShowQueued(store_, relay_->destinations(), id)->recipients[0].address.empty());
  store_.unreadable = false;
  Pass(minutes(17));
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayLogTest, ABodyThatCannotBeReadIsToldAndNothingOfItIsDelivered) {
  store_.unreadable_body = true;
  const MessageId id = Accept({"x@local.example"});
  Settle();
  EXPECT_EQ(std::count(events_.begin(), events_.end(), DeliveryEventKind::kReadFailed), 1);
  EXPECT_EQ(Status(id).state, RecipientState::kDeferred);
  EXPECT_EQ(FileCount("local.example/x"), 0u);
  store_.unreadable_body = false;
  Pass(minutes(17));
  EXPECT_EQ(FileCount("local.example/x"), 1u);
}

TEST_F(RelayLogTest, AnOutcomeThatFindsNoRoomIsWrittenLater) {
  Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDelivered, 250);
  store_.Commit(HandoffResult::kNoRoom);
  relay_->Turn();
  EXPECT_TRUE(store_.pushed.empty());
  ASSERT_TRUE(relay_->next_turn().has_value());
  Pass(std::chrono::seconds(2));
  EXPECT_EQ(store_.message_count(), 0u);
}

TEST_F(RelayLogTest, WithAPoisonedLogNothingIsSentTwice) {
  Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  store_.Commit(HandoffResult::kPoisoned);
  Pass(hours(5));
  EXPECT_TRUE(courier_.started.empty());
}

TEST_F(RelayLogTest, AnUnreadableMessageThatHasExpiredIsNotScheduledAgainAndAgain) {
  store_.unreadable = true;
  Accept({"y@away.example"});
  Pass(hours(60));
  const size_t told = EventCount(DeliveryEventKind::kReadFailed);
  for (int i = 0; i < 60; ++i) Pass(minutes(1));
  EXPECT_LT(EventCount(DeliveryEventKind::kReadFailed), told + 70);
}

}  // namespace
}  // namespace postern
