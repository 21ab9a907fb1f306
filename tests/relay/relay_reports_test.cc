// Who is told of what: bounces, notices of delay, success, and what becomes of letters that nobody can be told of.

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "tests/relay/relay_world.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class RelayReportsTest : public RelayWorld {
 protected:
  void Refuse() {
    RecipientResult result;
    result.fate = Fate::kRefused;
    result.reply = {.code = 550, .enhanced = "5.1.1", .text = "no such user"};
    courier_.Answer(std::vector<RecipientResult>(courier_.started.front()->indices.size(), result));
    Settle();
  }
  // As Settle(), while the mailbox writer is slow.
  void SettleWithoutMailboxes() {
    for (int i = 0; i < 10; ++i) {
      while (relay_->Turn()) {
      }
      store_.Commit();
    }
  }
  const MemoryStore::Mail& Report(size_t i) { return store_.mails.at(store_.reports.at(i)); }
  Envelope EnvelopeOf(const MemoryStore::Mail& mail) { return *ParseEnvelope(mail.envelope); }
  static EnvelopeHead From(std::string_view sender, uint8_t flags = 0) {
    EnvelopeHead head;
    head.sender = sender;
    head.flags = flags;
    return head;
  }
};

TEST_F(RelayReportsTest, OneReportForThoseThatFailTogether) {
  Begin();
  const MessageId id = Accept({"x@away.example", "y@away.example"});
  Settle();
  Refuse();
  EXPECT_FALSE(Queued(id));
  ASSERT_EQ(store_.reports.size(), 1u);
  const Envelope envelope = EnvelopeOf(Report(0));
  EXPECT_EQ(envelope.sender, "");
  ASSERT_EQ(envelope.recipients.size(), 1u);
  EXPECT_EQ(envelope.recipients[0].address, "a@away.example");
  EXPECT_NE(envelope.flags & kEnvelopeReport, 0);
  EXPECT_TRUE(absl::StrContains(Report(0).body, "Final-Recipient: rfc822;x@away.example"));
  EXPECT_TRUE(absl::StrContains(Report(0).body, "Final-Recipient: rfc822;y@away.example"));
  EXPECT_TRUE(absl::StrContains(Report(0).body, "no such user"));
  EXPECT_EQ(EventCount(DeliveryEventKind::kReported), 1u);
  ASSERT_EQ(courier_.started.size(), 1u);  // and it is on its way
  EXPECT_EQ(courier_.started.front()->message, store_.reports[0]);
}

TEST_F(RelayReportsTest, ABadRecipientIsReportedAtOnceThoughAnotherWaits) {
  Begin();
  const MessageId id = Accept({"x@away.example", "y@world.example"});
  Settle();
  ASSERT_EQ(courier_.started.size(), 2u);
  if (courier_.started.front()->domain.empty()) {
    std::swap(courier_.started[0], courier_.started[1]);
  }
  courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  Refuse();
  EXPECT_EQ(store_.reports.size(), 1u);
  EXPECT_EQ(Status(id, 0).state, RecipientState::kBounced);
  EXPECT_EQ(Status(id, 1).state, RecipientState::kDeferred);
}

TEST_F(RelayReportsTest, RecipientsThatFailOneAfterTheOtherAreEachReported) {
  Begin();
  const MessageId id = Accept({"x@away.example", "y@world.example"});
  Settle();
  courier_.Answer(Fate::kRefused, 550);
  relay_->Turn();
  courier_.Answer(Fate::kRefused, 550);  // while the first report is on its way
  Settle();
  EXPECT_EQ(store_.reports.size(), 2u);
  EXPECT_FALSE(Queued(id));
}

TEST_F(RelayReportsTest, WhoWantsToHearNothingHearsNothing) {
  Begin();
  const MessageId never = Accept(From("a@away.example"), {{.address = "x@away.example", .notify = kNotifyNever}});
  const MessageId success = Accept(From("a@away.example"), {{.address = "x@away.example", .notify = kNotifySuccess}});
  Settle();
  Refuse();
  Refuse();
  EXPECT_FALSE(Queued(never));
  EXPECT_FALSE(Queued(success));
  EXPECT_TRUE(store_.reports.empty());
  EXPECT_EQ(EventCount(DeliveryEventKind::kRejected), 2u);
}

TEST_F(RelayReportsTest, AnOperatorsReturnOfAMessageThatWantsNoReportSettlesIt) {
  Begin();
  const MessageId id = Accept(From("a@away.example"), {{.address = "x@away.example", .notify = kNotifyNever}});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  Settle();
  EXPECT_EQ(relay_->Act(QueueAction::kBounce, id), QueueOperations::Answer::kStarted);
  Settle();
  EXPECT_FALSE(Queued(id));
  EXPECT_TRUE(store_.reports.empty());
}

TEST_F(RelayReportsTest, AMessageFromNobodyIsNeverAnsweredAndNeverLost) {
  Begin();
  const MessageId id = Accept(From(""), {{.address = "x@away.example"}});
  Settle();
  Refuse();
  EXPECT_FALSE(Queued(id));
  EXPECT_TRUE(store_.reports.empty());
  EXPECT_EQ(FileCount("dead-letters"), 1u);
  EXPECT_EQ(EventCount(DeliveryEventKind::kDeadLetter), 1u);
}

TEST_F(RelayReportsTest, AReportThatFailsGoesToPostmasterOnceAndThenToTheDeadLetters) {
  options_.reports.postmaster = "postmaster@away.example";
  Begin();
  Accept({"x@away.example"});
  Settle();
  Refuse();  // the message
  ASSERT_EQ(store_.reports.size(), 1u);
  Refuse();  // its report
  ASSERT_EQ(store_.reports.size(), 2u);
  EXPECT_EQ(EnvelopeOf(Report(1)).recipients[0].address, "postmaster@away.example");
  EXPECT_NE(EnvelopeOf(Report(1)).flags & kEnvelopeLastReport, 0);
  EXPECT_EQ(FileCount("dead-letters"), 0u);
  Refuse();  // the report on the report
  EXPECT_EQ(store_.reports.size(), 2u);
  EXPECT_EQ(FileCount("dead-letters"), 1u);
  EXPECT_EQ(store_.message_count(), 0u);
}

// The second recipient fails while the first one's letter is being written (simulator seed 463).
TEST_F(RelayReportsTest, EveryRecipientOfAMessageFromNobodyHasADeadLetter) {
  Begin();
  const MessageId id = Accept(From(""), {{.address = "x@away.example"}, {.address = "y@world.example"}});
  Settle();
  ASSERT_EQ(courier_.started.size(), 2u);
  courier_.Answer(Fate::kRefused, 550);
  SettleWithoutMailboxes();
  courier_.Answer(Fate::kRefused, 550);
  SettleWithoutMailboxes();
  EXPECT_EQ(FileCount("dead-letters"), 0u);
  Settle();
  EXPECT_EQ(FileCount("dead-letters"), 2u);
  EXPECT_FALSE(Queued(id));
}

TEST_F(RelayReportsTest, ADeadLetterThatCannotBeWrittenIsKeptAndTriedAgain) {
  Begin();
  const MessageId id = Accept(From(""), {{.address = "x@away.example"}});
  Settle();
  mailbox_broken = true;
  Refuse();
  EXPECT_EQ(Status(id).state, RecipientState::kFailed);
  BeginAgain();
  EXPECT_TRUE(Queued(id));
  mailbox_broken = false;
  Pass(hours(1));
  Pass(hours(1));
  EXPECT_FALSE(Queued(id));
  EXPECT_EQ(FileCount("dead-letters"), 1u);
}

TEST_F(RelayReportsTest, SuccessIsReportedWhenAskedForAndThePeerDoesNot) {
  Begin();
  const MessageId id = Accept(From("a@world.example"), {{.address = "x@away.example", .notify = kNotifySuccess},
                                                        {.address = "y@away.example", .notify = kNotifySuccess},
                                                        {.address = "z@away.example"},
                                                        {.address = "l@local.example", .notify = kNotifySuccess}});
  Settle();
  RecipientResult result;
  result.fate = Fate::kDelivered;
  result.reply.code = 250;
  std::vector<RecipientResult> results(3, result);
  results[0].peer_reports = true;
  courier_.Answer(results);
  Settle();
  EXPECT_FALSE(Queued(id));
  ASSERT_EQ(store_.reports.size(), 2u);
  const std::string both = Report(0).body + Report(1).body;
  EXPECT_TRUE(absl::StrContains(both, "Final-Recipient: rfc822;l@local.example"));
  EXPECT_TRUE(absl::StrContains(both, "Action: delivered"));
  EXPECT_TRUE(absl::StrContains(both, "Final-Recipient: rfc822;y@away.example"));
  EXPECT_TRUE(absl::StrContains(both, "Action: relayed"));
  EXPECT_FALSE(absl::StrContains(both, "Final-Recipient: rfc822;x@away.example"));
  EXPECT_FALSE(absl::StrContains(both, "Final-Recipient: rfc822;z@away.example"));
}

TEST_F(RelayReportsTest, ADelayIsToldOnce) {
  for (Route& route : route_list_) route.retry.delay_notice = hours(4);
  Begin();
  const MessageId id = Accept({"x@away.example"});
  const MessageId quiet = Accept(From(""), {{.address = "x@away.example"}});
  Settle();
  for (int i = 0; i < 5; ++i) {
    while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
    Pass(minutes(47));
  }
  EXPECT_TRUE(store_.reports.empty());
  Pass(minutes(15));
  ASSERT_EQ(store_.reports.size(), 1u);
  EXPECT_TRUE(absl::StrContains(Report(0).body, "Action: delayed"));
  EXPECT_EQ(Status(id).state, RecipientState::kDelayed);
  EXPECT_EQ(Status(quiet).state, RecipientState::kDelayed);  // marked, so that nobody looks again
  for (int i = 0; i < 20; ++i) {
    while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
    Pass(hours(1));
  }
  BeginAgain();
  Pass(hours(1));
  EXPECT_EQ(store_.reports.size(), 1u);
  EXPECT_EQ(Status(id).state, RecipientState::kDelayed);
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, AttemptEnd::kUnreachable);
  Settle();
  EXPECT_EQ(relay_->Act(QueueAction::kHold, id), QueueOperations::Answer::kStarted);
  Pass(hours(1));
  EXPECT_EQ(Status(id).state, RecipientState::kHeldDelayed);
  EXPECT_EQ(relay_->Act(QueueAction::kRelease, id), QueueOperations::Answer::kStarted);
  Pass(hours(1));
  EXPECT_EQ(Status(id).state, RecipientState::kDelayed);
  EXPECT_EQ(store_.reports.size(), 1u);
}

TEST_F(RelayReportsTest, AReportThatFindsNoRoomIsMadeLaterAndOnce) {
  Begin();
  const MessageId id = Accept({"x@away.example"});
  Settle();
  courier_.Answer(Fate::kRefused, 550);
  relay_->Turn();
  store_.Commit();  // the outcome
  while (store_.pushed.empty()) relay_->Turn();
  store_.Commit(HandoffResult::kNoRoom);  // the report
  Settle();
  EXPECT_EQ(Status(id).state, RecipientState::kFailed);
  Pass(minutes(2));
  EXPECT_FALSE(Queued(id));
  EXPECT_EQ(store_.reports.size(), 1u);
}

TEST_F(RelayReportsTest, AfterARestartWhatIsDueIsReportedOnce) {
  Begin();
  const MessageId id = Accept({"x@away.example"});
  Settle();
  courier_.Answer(Fate::kRefused, 550);
  relay_->Turn();
  store_.Commit();
  ASSERT_EQ(Status(id).state, RecipientState::kFailed);
  BeginAgain();
  EXPECT_FALSE(Queued(id));
  EXPECT_EQ(store_.reports.size(), 1u);
}

TEST_F(RelayReportsTest, TheAdministratorGetsCopiesOfTheTypesHeAskedFor) {
  options_.reports.copy_to = "admin@away.example";
  options_.reports.copy_for = {FailureType::kAddress};
  Begin();
  Accept({"x@away.example"});
  Settle();
  Refuse();
  ASSERT_EQ(store_.reports.size(), 1u);
  EXPECT_EQ(EnvelopeOf(Report(0)).recipients.size(), 2u);
  const MessageId never = Accept(From("a@world.example"), {{.address = "x@away.example", .notify = kNotifyNever}});
  Settle();
  while (!courier_.started.empty() && courier_.started.front()->message != never) {
    courier_.Answer(Fate::kDelivered, 250);
    Settle();
  }
  Refuse();
  ASSERT_EQ(store_.reports.size(), 2u);
  ASSERT_EQ(EnvelopeOf(Report(1)).recipients.size(), 1u);
  EXPECT_EQ(EnvelopeOf(Report(1)).recipients[0].address, "admin@away.example");
}

// Else the copy of that would fail as well, and so on (simulator seed 72).
TEST_F(RelayReportsTest, ACopyThatFailsIsNotCopiedAgain) {
  options_.reports.copy_to = "admin@refused.example";
  options_.reports.copy_for = {FailureType::kAddress, FailureType::kContent};
  Begin();
  Accept(From("a@away.example"), {{.address = "x@away.example", .notify = kNotifyNever}});
  Settle();
  Refuse();
  Settle();
  EXPECT_EQ(store_.reports.size(), 1u);
  EXPECT_EQ(store_.message_count(), 0u);
}

}  // namespace
}  // namespace postern
