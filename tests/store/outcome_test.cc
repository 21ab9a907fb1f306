#include "store/outcome.h"

#include <array>
#include <string>

#include "core/envelope.h"
#include "core/limits.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(Outcome, WhatIsWrittenIsRead) {
  OutcomeWriter writer;
  writer.Start();
  writer.Add({.recipient = 0, .state = RecipientState::kDelivered, .attempt_count = 1, .reply = "250 OK"});
  writer.Add({.recipient = 999, .state = RecipientState::kDeferred, .attempt_count = 65535, .next_attempt = {-5}});
  OutcomeReader reader(writer.bytes());
  RecipientOutcome outcome;
  ASSERT_TRUE(reader.Next(outcome));
  EXPECT_EQ(outcome.recipient, 0u);
  EXPECT_EQ(outcome.state, RecipientState::kDelivered);
  EXPECT_EQ(outcome.reply, "250 OK");
  ASSERT_TRUE(reader.Next(outcome));
  EXPECT_EQ(outcome.recipient, 999u);
  EXPECT_EQ(outcome.state, RecipientState::kDeferred);
  EXPECT_EQ(outcome.attempt_count, 65535);
  EXPECT_EQ(outcome.next_attempt.us, -5);
  EXPECT_EQ(outcome.reply, "");
  EXPECT_FALSE(reader.Next(outcome));
  EXPECT_TRUE(reader.valid());
}

// Their numbers are in logs, and the last ones in those of tomorrow's readers.
TEST(Outcome, EveryStateHasItsNumber) {
  constexpr std::array kStates = {RecipientState::kWaiting,    RecipientState::kDeferred, RecipientState::kDelivered,
                                  RecipientState::kFailed,     RecipientState::kDeleted,  RecipientState::kDelayed,
                                  RecipientState::kHeld,       RecipientState::kArrived,  RecipientState::kBounced,
                                  RecipientState::kHeldDelayed};
  std::string settled;
  for (size_t i = 0; i < kStates.size(); ++i) {
    OutcomeWriter writer;
    writer.Start();
    writer.Add({.recipient = 0, .state = kStates[i]});
    EXPECT_EQ(writer.bytes()[5], static_cast<char>(i));
    OutcomeReader reader(writer.bytes());
    RecipientOutcome outcome;
    ASSERT_TRUE(reader.Next(outcome));
    EXPECT_EQ(outcome.state, kStates[i]);
    if (Settled(kStates[i])) settled += std::to_string(i);
  }
  EXPECT_EQ(settled, "248");
}

TEST(Outcome, ALongReplyIsCut) {
  OutcomeWriter writer;
  writer.Start();
  const std::string reply(kOutcomeReplySizeMax + 1, 'x');
  writer.Add({.recipient = 1, .reply = reply});
  OutcomeReader reader(writer.bytes());
  RecipientOutcome outcome;
  ASSERT_TRUE(reader.Next(outcome));
  EXPECT_EQ(outcome.reply.size(), kOutcomeReplySizeMax);
}

TEST(Outcome, ARecipientTakesAsMuchAsTheConfigurationReckonsWith) {
  EnvelopeWriter envelope;
  envelope.Start({});
  OutcomeWriter outcome;
  outcome.Start();
  const size_t size_before = envelope.bytes().size() + outcome.bytes().size();
  const std::string address(kPathSizeMax - 2, 'x');
  const std::string orcpt(kOrcptSizeMax, 'x');
  envelope.AddRecipient({.address = address, .notify = kNotifyFailure, .orcpt = orcpt});
  outcome.Add({.recipient = 0, .reply = std::string(kOutcomeReplySizeMax, 'x')});
  EXPECT_EQ(envelope.bytes().size() + outcome.bytes().size() - size_before, kRecipientRecordSizeMax);
}

TEST(Outcome, WhatMakesNoSenseEndsTheReading) {
  OutcomeWriter writer;
  writer.Start();
  EXPECT_TRUE(OutcomeReader(writer.bytes()).valid());
  writer.Add({.recipient = 1, .reply = "250"});
  const std::string good(writer.bytes());
  RecipientOutcome outcome;
  for (size_t size = 2; size < good.size(); ++size) {
    OutcomeReader reader(std::string_view(good).substr(0, size));
    EXPECT_FALSE(reader.Next(outcome)) << size;
    EXPECT_FALSE(reader.valid()) << size;
  }
  EXPECT_FALSE(OutcomeReader("").valid());
  EXPECT_FALSE(OutcomeReader("\x02").valid());
  std::string bad_state = good;
  for (const char state : {'\x0a', '\x63', '\xff'}) {
    bad_state[5] = state;
    OutcomeReader reader(bad_state);
    EXPECT_FALSE(reader.Next(outcome));
    EXPECT_FALSE(reader.valid());
  }
}

}  // namespace
}  // namespace postern
