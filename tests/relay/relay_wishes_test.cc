// What an operator may do with mail that the relay has: hold, release, retry, delete and return it; and what is parked.

#include <string>

#include "relay/queue_view.h"
#include "tests/relay/relay_world.h"

namespace postern {
namespace {

using std::chrono::hours;

class RelayWishesTest : public RelayWorld {
 protected:
  RelayWishesTest() { Begin(); }
};

TEST_F(RelayWishesTest, ARecipientThatIsHeldWaitsUntilItIsReleased) {
  const MessageId id = Accept({"y@away.example"});
  Settle();
  EXPECT_EQ(relay_->Act(QueueAction::kHold, id), QueueOperations::Answer::kBusy);
  courier_.Answer(Fate::kDeferred, 450);
  Settle();
  EXPECT_EQ(relay_->Act(QueueAction::kRelease, id), QueueOperations::Answer::kNothing);
  EXPECT_EQ(relay_->Act(QueueAction::kHold, id), QueueOperations::Answer::kStarted);
  Settle();
  EXPECT_EQ(Status(id).state, RecipientState::kHeld);
  Pass(hours(100));
  EXPECT_TRUE(courier_.started.empty());
  BeginAgain();
  EXPECT_TRUE(courier_.started.empty());
  EXPECT_EQ(relay_->Act(QueueAction::kRelease, id), QueueOperations::Answer::kStarted);
  Settle();
  ASSERT_EQ(courier_.started.size(), 1u);
  courier_.Answer(Fate::kDelivered, 250);
  Settle();
  EXPECT_FALSE(Queued(id));
}

TEST_F(RelayWishesTest, DeletesAndReturnsOnAnOperatorsWish) {
  const MessageId deleted = Accept({"y@away.example"});
  const MessageId returned = Accept({"z@away.example"});
  Settle();
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 450);
  Settle();
  EXPECT_EQ(relay_->Act(QueueAction::kDelete, deleted), QueueOperations::Answer::kStarted);
  EXPECT_EQ(relay_->Act(QueueAction::kBounce, returned), QueueOperations::Answer::kStarted);
  EXPECT_EQ(relay_->Act(QueueAction::kDelete, MessageId{77}), QueueOperations::Answer::kNotFound);
  Settle();
  EXPECT_FALSE(Queued(deleted));
  EXPECT_FALSE(Queued(returned));
  ASSERT_EQ(store_.reports.size(), 1u);
  EXPECT_NE(store_.mails.at(store_.reports[0]).body.find("returned by the operator"), std::string::npos);
}

TEST_F(RelayWishesTest, AWishForADestinationReachesAllOfItAndNobodyElse) {
  for (int i = 0; i < 200; ++i) Accept({"y@away.example"});
  const MessageId other = Accept({"y@world.example"});
  Settle();
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  Settle();
  const std::optional<uint32_t> away = relay_->destinations().FindName("away.example");
  ASSERT_TRUE(away.has_value());
  EXPECT_EQ(relay_->ActOnAll(QueueAction::kRetry, away), QueueOperations::Answer::kStarted);
  EXPECT_EQ(relay_->ActOnAll(QueueAction::kRetry, away), QueueOperations::Answer::kBusy);
  Settle();
  int count = 0;
  for (; !courier_.started.empty(); ++count) {
    EXPECT_NE(courier_.started.front()->message, other);
    courier_.Answer(Fate::kDelivered, 250);
    Settle();
  }
  EXPECT_EQ(count, 200);
  EXPECT_EQ(store_.message_count(), 1u);
}

TEST_F(RelayWishesTest, ADestinationThatIsDownIsProbedByOneOfAllThatAreWanted) {
  for (int i = 0; i < 100; ++i) Accept({"y@away.example"});
  Settle();
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  Settle();
  const WallTime planned = relay_->Status()[0].probe_at;
  EXPECT_EQ(relay_->ActOnAll(QueueAction::kRetry, std::nullopt), QueueOperations::Answer::kStarted);
  Settle();
  ASSERT_EQ(courier_.started.size(), 1u);
  courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  Settle();
  EXPECT_TRUE(courier_.started.empty());
  EXPECT_EQ(relay_->Status()[0].probe_at, planned);  // and the pause is no longer for it
}

TEST_F(RelayWishesTest, NothingIsTriedWhileAWishIsOnItsWay) {
  const MessageId id = Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  Settle();
  clock_.wall = clock_.wall + hours(1);  // its time has come, and the relay has not seen it yet
  EXPECT_EQ(relay_->Act(QueueAction::kHold, id), QueueOperations::Answer::kStarted);
  relay_->Turn();
  EXPECT_TRUE(courier_.started.empty());
  Pass(hours(1));
  EXPECT_TRUE(courier_.started.empty());
  EXPECT_EQ(Status(id).state, RecipientState::kHeld);
}

TEST_F(RelayWishesTest, AParkedMessageIsNotTriedAndNotReportedUntilItIsReleased) {
  const MessageId waits = Accept({"y@away.example"});
  const MessageId failed = Accept({"z@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  courier_.started.clear();
  relay_.reset();
  store_.pushed.clear();
  store_.mails.at(failed).state.recipients[0].state = RecipientState::kFailed;
  store_.Restart();
  relay_ = *Relay::Create(options_, routes_, store_, courier_, mailboxes_, ids_, *this, clock_, nobody_);
  while (!relay_->caught_up()) relay_->Turn();
  for (const MessageId id : {waits, failed}) {
    EXPECT_EQ(relay_->Park(id, "parked"), QueueOperations::Answer::kStarted);
    EXPECT_EQ(relay_->Park(id, "parked"), QueueOperations::Answer::kBusy);
  }
  Pass(hours(100));
  EXPECT_TRUE(courier_.started.empty());
  EXPECT_TRUE(store_.reports.empty());
  for (const MessageId id : {waits, failed}) EXPECT_EQ(Status(id).state, RecipientState::kHeld);
  EXPECT_EQ(relay_->Act(QueueAction::kRelease, waits), QueueOperations::Answer::kStarted);
  Pass(std::chrono::seconds(2));
  ASSERT_EQ(courier_.started.size(), 1u);
  EXPECT_EQ(courier_.started.front()->message, waits);
}

}  // namespace
}  // namespace postern
