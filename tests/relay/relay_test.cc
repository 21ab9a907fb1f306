// The road out as the relay walks it: who is tried when, and what is noted.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "relay/queue_view.h"
#include "tests/relay/relay_world.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class RelayTest : public RelayWorld {
 protected:
  RelayTest() { Begin(); }
  // The destination has earned all the connections that it may have.
  void Prove() {
    for (int i = 0; i < 10; ++i) {
      Accept({"proof@away.example"});
      Settle();
      courier_.Answer(Fate::kDelivered, 250);
      Settle();
    }
  }
};

TEST_F(RelayTest, SendsEachRecipientItsWay) {
  Accept({"x@local.example", "y@away.example", "postmaster", "z@sub.away.example"});
  Settle();
  EXPECT_EQ(FileCount("local.example/x"), 1u);
  EXPECT_EQ(FileCount("local.example/postmaster"), 1u);
  ASSERT_EQ(courier_.started.size(), 1u);
  EXPECT_EQ(courier_.started[0]->indices, (std::vector<uint32_t>{1, 3}));
  courier_.Answer(Fate::kDelivered, 250);
  Settle();
  EXPECT_EQ(store_.message_count(), 0u);
  EXPECT_TRUE(relay_->idle());
}

TEST_F(RelayTest, NothingIsTriedAgainBeforeItsOutcomeWasReadBack) {
  const MessageId id = Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  clock_.wall = clock_.wall + hours(1);
  relay_->Turn();  // the outcome is away, its time has come, and still
  EXPECT_TRUE(courier_.started.empty());
  EXPECT_EQ(relay_->Act(QueueAction::kRetry, id), QueueOperations::Answer::kBusy);
  Settle();
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayTest, WhatWaitsIsTriedAfterItsIntervalAlthoughTheClockIsSetBack) {
  Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  Settle();
  clock_.wall = clock_.wall + -hours(10);
  clock_.set_back_us = std::chrono::microseconds(hours(10)).count();
  Settle();
  EXPECT_TRUE(courier_.started.empty());
  ASSERT_TRUE(relay_->next_turn().has_value());
  EXPECT_LT(*relay_->next_turn(), clock_.wall + minutes(17)) << "the first interval is a quarter of an hour";
  clock_.wall = clock_.wall + minutes(17);
  Settle();
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayTest, WhatAClockNotedThatRanAheadDoesNotWaitForIt) {
  Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  Settle();
  BeginAgain();
  EXPECT_TRUE(courier_.started.empty()) << "a start changes no time that was noted";
  clock_.wall = clock_.wall + -hours(10);
  BeginAgain();
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayTest, ABrokenMailboxDefersThatMessageOnly) {
  mailbox_broken = true;
  const MessageId id = Accept({"x@local.example"});
  Settle();
  EXPECT_EQ(Status(id).state, RecipientState::kDeferred);
  EXPECT_EQ(store_.LastText(id, 0), "4.2.0 open: permission denied");
  mailbox_broken = false;
  Accept({"z@local.example"});
  Settle();
  EXPECT_EQ(FileCount("local.example/z"), 1u);
  Pass(minutes(17));
  EXPECT_EQ(FileCount("local.example/x"), 1u);
  EXPECT_EQ(store_.message_count(), 0u);
}

TEST_F(RelayTest, ManyRecipientsOfOneMessageGoInSeveralJobs) {
  std::vector<std::string> recipients;
  for (int i = 0; i < 100; ++i) recipients.push_back(absl::StrCat("user", i, "@local.example"));
  recipients.push_back("\"\"@local.example");
  const MessageId id = Accept(recipients);
  Settle();
  EXPECT_FALSE(Queued(id));
  EXPECT_EQ(EventCount(DeliveryEventKind::kDelivered), 100u);
  ASSERT_EQ(store_.reports.size(), 1u);  // for the one without a name
  EXPECT_EQ(FileCount("local.example/user99"), 1u);
}

TEST_F(RelayTest, WithoutARouteAMessageWaits) {
  const MessageId id = Accept({"y@elsewhere.example"});
  Settle();
  EXPECT_EQ(Status(id).state, RecipientState::kDeferred);
  EXPECT_EQ(store_.LastText(id, 0), "4.4.4 no route for the recipient's domain");
}

TEST_F(RelayTest, RetriesOnScheduleUntilTheExpiry) {
  const MessageId id = Accept({"y@away.example"});
  Settle();
  int attempt_count = 0;
  for (int minute = 0; minute < 49 * 60; ++minute) {
    while (!courier_.started.empty() && courier_.started.front()->message == id) {
      ++attempt_count;
      courier_.Answer(Fate::kDeferred, 450);
      Settle();
    }
    Pass(minutes(1));
  }
  // At once, after 0.25, 0.5, 1 hours, then every 4 hours or so, and at the expiry.
  EXPECT_GE(attempt_count, 15);
  EXPECT_LE(attempt_count, 17);
  EXPECT_EQ(EventCount(DeliveryEventKind::kExpired), 1u);
  EXPECT_FALSE(Queued(id));  // and its sender was told
  EXPECT_EQ(store_.reports.size(), 1u);
}

TEST_F(RelayTest, WhatCannotBeTriedNowIsPutBackAndNothingIsNoted) {
  const MessageId id = Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kPending, 0, AttemptEnd::kUntried);
  Settle();
  EXPECT_EQ(Status(id).attempt_count, 0);
  EXPECT_EQ(Status(id).state, RecipientState::kWaiting);
  EXPECT_TRUE(courier_.started.empty());
  EXPECT_TRUE(events_.empty());
  Pass(std::chrono::seconds(1));
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayTest, ADestinationThatIsDownIsProbedByOneMessage) {
  Prove();
  for (int i = 0; i < 30; ++i) Accept({"y@away.example"});
  Settle();
  ASSERT_EQ(courier_.started.size(), 10u);
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  Settle();
  EXPECT_TRUE(courier_.started.empty());
  Pass(minutes(17));
  ASSERT_EQ(courier_.started.size(), 1u);
  courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  Pass(minutes(26));
  EXPECT_TRUE(courier_.started.empty());
  ASSERT_EQ(relay_->Status().size(), 1u);
  EXPECT_TRUE(relay_->Status()[0].down);
  EXPECT_EQ(relay_->Status()[0].last_error, "said the peer");
  Pass(minutes(8));
  ASSERT_EQ(courier_.started.size(), 1u);
  for (int i = 0; i < 8; ++i) {
    courier_.Answer(Fate::kDelivered, 250);
    Settle();
  }
  EXPECT_EQ(courier_.started.size(), 10u);  // it answers: soon at full concurrency
}

TEST_F(RelayTest, WhatWaitsBehindADeadDestinationExpires) {
  for (int i = 0; i < 300; ++i) Accept({"y@world.example"});
  Settle();
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  Settle();
  const size_t opened = store_.open_count;
  Pass(hours(47));
  for (int i = 0; i < 60; ++i) {
    while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
    Pass(std::chrono::seconds(10));
  }
  EXPECT_LT(store_.open_count, opened + 20);  // the rounds read nothing
  Pass(hours(2));
  for (int i = 0; i < 100; ++i) {
    while (!courier_.started.empty()) courier_.Answer(Fate::kDelivered, 250);  // probes, and the reports
    Pass(std::chrono::seconds(10));
  }
  EXPECT_EQ(store_.message_count(), 0u);
  EXPECT_GE(EventCount(DeliveryEventKind::kExpired), 299u);
  EXPECT_GE(store_.reports.size(), 299u);
}

TEST_F(RelayTest, RejectsAndDiscardsByRoute) {
  const MessageId id = Accept({"x@refused.example", "y@gone.example"});
  Settle();
  EXPECT_FALSE(Queued(id));
  EXPECT_EQ(EventCount(DeliveryEventKind::kRejected), 1u);
  EXPECT_EQ(EventCount(DeliveryEventKind::kDelivered), 1u);
  ASSERT_EQ(store_.reports.size(), 1u);
  EXPECT_NE(store_.mails.at(store_.reports[0]).body.find("nobody lives here"), std::string::npos);
}

TEST_F(RelayTest, EachDomainBehindAnMxRouteHasALineOfItsOwn) {
  for (int i = 0; i < 20; ++i) Accept({"y@one.world.example", "y@two.world.example"});
  Settle();
  ASSERT_EQ(courier_.started.size(), 4u);
  int ones = 0;
  for (const Attempt* attempt : courier_.started) ones += attempt->domain == "one.world.example" ? 1 : 0;
  EXPECT_EQ(ones, 2);
  EXPECT_TRUE(relay_->destinations().FindName("two.world.example").has_value());
  while (!courier_.started.empty()) {
    courier_.Answer(Fate::kDelivered, 250);
    Settle();
  }
  Pass(minutes(2));  // a round: nobody needs the domains any more
  Accept({"y@three.world.example"});
  Pass(minutes(2));
  EXPECT_FALSE(relay_->destinations().FindName("two.world.example").has_value());
}

TEST_F(RelayTest, MoreMayExpireAtOnceThanMayBeTried) {
  options_.attempt_count_max = 4;
  BeginAgain();
  for (int i = 0; i < 700; ++i) Accept({"y@away.example", "x@one.world.example", "x@two.world.example"});
  Settle();
  for (int i = 0; i < 3; ++i) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  Pass(hours(49));
  for (int i = 0; i < 2000 && EventCount(DeliveryEventKind::kExpired) < 2100; ++i) {
    ASSERT_LE(store_.pushed.size(), 512u);  // never more than there are places for
    while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
    Pass(std::chrono::seconds(1));
  }
  EXPECT_EQ(EventCount(DeliveryEventKind::kExpired), 2100u);
}

TEST_F(RelayTest, AMessageWithManyDomainsExpires) {
  std::vector<std::string> recipients;
  for (int i = 0; i < 2000; ++i) recipients.push_back(absl::StrCat("y@d", i, ".world.example"));
  Accept(recipients);
  Settle();
  while (!courier_.started.empty()) {
    courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
    Settle();
  }
  Pass(hours(49));
  for (int i = 0; i < 100; ++i) {
    while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
    Pass(minutes(1));
  }
  EXPECT_EQ(EventCount(DeliveryEventKind::kExpired), 2000u);
  EXPECT_LT(store_.reports.size(), 50u);  // those that failed together are told together
}

TEST_F(RelayTest, WhoIsDeliveredInAnEarlierTransactionIsNotedAtOnce) {
  const MessageId id = Accept({"x@away.example", "y@away.example", "z@away.example"});
  Settle();
  Attempt& attempt = *courier_.started.front();
  attempt.results.assign(3, {});
  attempt.results[0].fate = Fate::kDelivered;
  attempt.results[1].fate = Fate::kRefused;
  relay_->HandleProgress(attempt);
  Settle();
  EXPECT_EQ(Status(id, 0).state, RecipientState::kDelivered);
  EXPECT_EQ(Status(id, 1).state, RecipientState::kFailed);
  EXPECT_EQ(Status(id, 2).state, RecipientState::kWaiting);
  BeginAgain();  // killed in the middle
  Pass(std::chrono::seconds(2));
  const auto again = std::find_if(courier_.started.begin(), courier_.started.end(),
                                  [id](const Attempt* started) { return started->message == id; });
  ASSERT_NE(again, courier_.started.end());
  EXPECT_EQ((*again)->indices, (std::vector<uint32_t>{2}));
}

TEST_F(RelayTest, WhatWaitsForAnotherModeDoesNotExpire) {
  options_.onward = false;
  BeginAgain();
  const MessageId id = Accept({"y@away.example"});
  Pass(hours(100));
  EXPECT_EQ(Status(id).state, RecipientState::kWaiting);
}

TEST_F(RelayTest, AMessageLargerThanItsWayTakesIsRefused) {
  for (Route& route : route_list_) route.message_size_max = route.match == "away.example" ? 0 : 10;
  BeginAgain();
  const MessageId id = Accept({"x@local.example", "y@gone.example"});
  Settle();
  EXPECT_FALSE(Queued(id));
  EXPECT_EQ(FileCount("local.example/x"), 0u);
  EXPECT_EQ(EventCount(DeliveryEventKind::kRejected), 2u);
}

TEST_F(RelayTest, WhatIsToLeaveWaitsWhenOnlyInboundIsServed) {
  options_.onward = false;
  BeginAgain();
  const MessageId id = Accept({"x@local.example", "y@away.example", "z@world.example"});
  Pass(hours(1));
  EXPECT_TRUE(courier_.started.empty());
  EXPECT_EQ(Status(id, 0).state, RecipientState::kDelivered);
  EXPECT_EQ(Status(id, 1).state, RecipientState::kWaiting);
}

TEST_F(RelayTest, StopStartsNothingAndFinishesWhatRuns) {
  Accept({"y@away.example"});
  Settle();
  relay_->Stop();
  Accept({"y@away.example"});
  Settle();
  EXPECT_EQ(courier_.started.size(), 1u);
  EXPECT_FALSE(relay_->idle());
  courier_.Answer(Fate::kDelivered, 250);
  EXPECT_FALSE(relay_->idle());
  Settle();
  EXPECT_TRUE(relay_->idle());
  EXPECT_EQ(store_.message_count(), 1u);
}

}  // namespace
}  // namespace postern
