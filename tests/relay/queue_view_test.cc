// What an operator's wish makes of the recipients of a message.

#include "relay/queue_view.h"

#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

constexpr WallTime kNow{1'700'000'000'000'000};

// A message with a recipient in each state, all of destination 5.
MailState OneInEachState() {
  MailState message{.id = MessageId{7}};
  for (uint8_t i = 0; i <= static_cast<uint8_t>(kLastRecipientState); ++i) {
    message.recipients.push_back(
        {.next_attempt = {1000 + i}, .attempt_count = i, .state = static_cast<RecipientState>(i), .destination = 5});
  }
  return message;
}

// The states after the wish; who is not named in the outcome stays as he was.
std::vector<RecipientState> After(QueueAction action) {
  const MailState message = OneInEachState();
  std::vector<RecipientState> states;
  for (const QueuedRecipient& recipient : message.recipients) states.push_back(recipient.state);
  OutcomeWriter writer;
  EXPECT_TRUE(EncodeOperation(message, action, std::nullopt, kNow, writer));
  OutcomeReader reader(writer.bytes());
  for (RecipientOutcome outcome; reader.Next(outcome);) {
    states[outcome.recipient] = outcome.state;
    EXPECT_EQ(outcome.attempt_count, message.recipients[outcome.recipient].attempt_count);
    EXPECT_EQ(outcome.next_attempt, kNow);
    EXPECT_NE(outcome.reply, "");
  }
  EXPECT_TRUE(reader.valid());
  return states;
}

using enum RecipientState;

TEST(QueueOperationTest, EachWishChangesWhomItMeans) {
  using States = std::vector<RecipientState>;
  //                                              waiting   deferred  delivered   failed    deleted   delayed   held
  //                                              arrived   bounced   held and delayed
  EXPECT_EQ(After(QueueAction::kRetry), (States{kWaiting, kWaiting, kDelivered, kFailed, kDeleted, kDelayed, kHeld,
                                                kArrived, kBounced, kHeldDelayed}));
  EXPECT_EQ(After(QueueAction::kHold), (States{kHeld, kHeld, kDelivered, kFailed, kDeleted, kHeldDelayed, kHeld,
                                               kArrived, kBounced, kHeldDelayed}));
  EXPECT_EQ(After(QueueAction::kRelease), (States{kWaiting, kDeferred, kDelivered, kFailed, kDeleted, kDelayed,
                                                  kWaiting, kArrived, kBounced, kDelayed}));
  EXPECT_EQ(After(QueueAction::kDelete), (States{kDeleted, kDeleted, kDelivered, kDeleted, kDeleted, kDeleted, kDeleted,
                                                 kDeleted, kBounced, kDeleted}));
  EXPECT_EQ(After(QueueAction::kBounce),
            (States{kFailed, kFailed, kDelivered, kFailed, kDeleted, kFailed, kFailed, kArrived, kBounced, kFailed}));
}

TEST(QueueOperationTest, OnlyOneDestinationsRecipientsAreMeant) {
  MailState message{.id = MessageId{7}};
  message.recipients = {{.destination = 1}, {.destination = 2}, {.destination = 1}};
  OutcomeWriter writer;
  EXPECT_TRUE(EncodeOperation(message, QueueAction::kHold, 2, kNow, writer));
  OutcomeReader reader(writer.bytes());
  RecipientOutcome outcome;
  ASSERT_TRUE(reader.Next(outcome));
  EXPECT_EQ(outcome.recipient, 1u);
  EXPECT_FALSE(reader.Next(outcome));
  EXPECT_FALSE(EncodeOperation(message, QueueAction::kHold, 3, kNow, writer)) << "nobody is of that destination";
}

TEST(QueueOperationTest, WhatIsSoAlreadyIsNoChange) {
  MailState message{.id = MessageId{7}};
  message.recipients = {{.state = kHeld}, {.state = kDelivered}};
  OutcomeWriter writer;
  EXPECT_FALSE(EncodeOperation(message, QueueAction::kHold, std::nullopt, kNow, writer));
  EXPECT_FALSE(EncodeOperation(message, QueueAction::kRetry, std::nullopt, kNow, writer)) << "held is held";
  EXPECT_TRUE(EncodeOperation(message, QueueAction::kRelease, std::nullopt, kNow, writer));
}

TEST(QueueOperationTest, OfAParkedMessageNothingIsTriedOrToldAnyMore) {
  using States = std::vector<RecipientState>;
  const MailState message = OneInEachState();
  States states;
  for (const QueuedRecipient& recipient : message.recipients) states.push_back(recipient.state);
  OutcomeWriter writer;
  EXPECT_TRUE(EncodeParking(message, "parked: why", kNow, writer));
  OutcomeReader reader(writer.bytes());
  for (RecipientOutcome outcome; reader.Next(outcome);) {
    states[outcome.recipient] = outcome.state;
    EXPECT_EQ(outcome.reply, "parked: why");
  }
  EXPECT_EQ(states, (States{kHeld, kHeld, kDelivered, kHeld, kDeleted, kHeldDelayed, kHeld, kDelivered, kBounced,
                            kHeldDelayed}));
  const MailState held{.id = MessageId{7}, .recipients = {{.state = kHeld}, {.state = kBounced}}};
  EXPECT_FALSE(EncodeParking(held, "parked: why", kNow, writer));
}

TEST(QueueOperationTest, PeopleSeeThatItIsHeld) {
  EXPECT_STREQ(ToText(kHeld), "held");
  EXPECT_STREQ(ToText(kHeldDelayed), "held");
}

TEST(QueueOperationTest, ABounceCarriesItsReason) {
  MailState message{.id = MessageId{7}};
  message.recipients = {{.state = kDeferred}};
  OutcomeWriter writer;
  ASSERT_TRUE(EncodeOperation(message, QueueAction::kBounce, std::nullopt, kNow, writer));
  OutcomeReader reader(writer.bytes());
  RecipientOutcome outcome;
  ASSERT_TRUE(reader.Next(outcome));
  EXPECT_EQ(outcome.reply, "550 5.0.0 returned by the operator");
}

}  // namespace
}  // namespace postern
