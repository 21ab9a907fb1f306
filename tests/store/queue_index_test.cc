#include "store/queue_index.h"

#include <string>
#include <vector>

#include "core/envelope.h"
#include "gtest/gtest.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

using Change = QueueIndex::Change;
constexpr uint32_t kSegmentSize = 1000;

class QueueIndexTest : public testing::Test {
 protected:
  RecordView At(RecordKind kind, uint64_t number, Position position) {
    RecordView record;
    record.kind = kind;
    record.message = Id(number);
    record.position = position;
    record.size_on_disk = 100;
    return record;
  }
  Change Accept(uint64_t number, Position position, size_t recipient_count = 1, std::vector<Position> fragments = {}) {
    envelope_ = EncodeEnvelope(recipient_count);
    RecordView record = At(RecordKind::kAccepted, number, position);
    record.head = envelope_;
    record.fragments = fragments;
    return index_.Apply(record);
  }
  Change Move(uint64_t number, Position position, std::string_view state, size_t recipient_count = 1) {
    envelope_ = EncodeEnvelope(recipient_count);
    RecordView record = At(RecordKind::kMoved, number, position);
    record.head = envelope_;
    record.state = state;
    return index_.Apply(record);
  }
  Change Report(uint64_t number, uint64_t about, Position position, const std::string& outcome) {
    envelope_ = EncodeEnvelope(1, kEnvelopeReport);
    const std::string settlement = EncodeSettlement({.about = Id(about), .outcome = outcome});
    RecordView record = At(RecordKind::kReport, number, position);
    record.head = envelope_;
    record.state = settlement;
    return index_.Apply(record);
  }
  Change Outcome(uint64_t number, Position position, const std::string& outcome) {
    RecordView record = At(RecordKind::kOutcome, number, position);
    record.head = outcome;
    return index_.Apply(record);
  }
  QueuedRecipient Recipient(uint64_t number, size_t recipient = 0) {
    return index_.Find(Id(number))->recipients()[recipient];
  }
  std::string State(uint64_t number) {
    OutcomeWriter writer;
    index_.EncodeState(*index_.Find(Id(number)), writer);
    return std::string(writer.bytes());
  }

  QueueIndex index_;
  std::string envelope_;
};

TEST_F(QueueIndexTest, AMessageLivesUntilItsLastRecipientIsSettled) {
  EXPECT_EQ(Accept(1, {1, 0}, 3), Change::kAdded);
  EXPECT_EQ(Accept(1, {1, 50}, 3), Change::kNone);  // no message is accepted twice
  EXPECT_EQ(Outcome(1, {1, 100}, EncodeOutcome(0, RecipientState::kDelivered)), Change::kUpdated);
  EXPECT_EQ(Outcome(1, {1, 200}, EncodeOutcome(2, RecipientState::kFailed)), Change::kUpdated);
  EXPECT_EQ(Outcome(1, {1, 300}, EncodeOutcome(1, RecipientState::kDelivered)), Change::kUpdated);
  ASSERT_NE(index_.Find(Id(1)), nullptr);  // the failed one is not told yet
  EXPECT_EQ(index_.Find(Id(1))->recipients()[2].state, RecipientState::kFailed);
  EXPECT_EQ(Outcome(1, {1, 400}, EncodeOutcome(2, RecipientState::kDeleted)), Change::kRemoved);
  EXPECT_EQ(index_.Find(Id(1)), nullptr);
  EXPECT_EQ(index_.message_count(), 0u);
  EXPECT_EQ(index_.live_size(), 0u);
  EXPECT_EQ(Outcome(1, {1, 500}, EncodeOutcome(0, RecipientState::kDelivered)), Change::kNone);
  EXPECT_EQ(index_.last_known(), Id(1));
}

TEST_F(QueueIndexTest, WhatIsSettledStaysSettled) {
  Accept(1, {1, 0}, 2);
  Outcome(1, {1, 100}, EncodeOutcome(0, RecipientState::kDelivered, 3));
  Outcome(1, {1, 200}, EncodeOutcome(0, RecipientState::kDeferred, 4));
  EXPECT_EQ(index_.Find(Id(1))->recipients()[0].state, RecipientState::kDelivered);
}

TEST_F(QueueIndexTest, AReportSettlesWhatItIsAbout) {
  Accept(1, {1, 0}, 2);
  Outcome(1, {1, 100}, EncodeOutcome(0, RecipientState::kFailed));
  EXPECT_EQ(Report(2, 1, {1, 200}, EncodeOutcome(0, RecipientState::kBounced)), Change::kAdded);
  EXPECT_EQ(Recipient(1).state, RecipientState::kBounced);
  EXPECT_EQ(Recipient(1, 1).state, RecipientState::kWaiting);
  EXPECT_EQ(Recipient(2).state, RecipientState::kWaiting);
  EXPECT_EQ(index_.Find(Id(2))->flags(), kEnvelopeReport);
  EXPECT_EQ(index_.Find(Id(2))->position(), (Position{1, 200}));
  EXPECT_EQ(index_.Find(Id(1))->flags(), 0);

  Outcome(1, {1, 300}, EncodeOutcome(1, RecipientState::kFailed));
  EXPECT_EQ(Report(3, 1, {2, 0}, EncodeOutcome(1, RecipientState::kBounced)), Change::kAdded);
  EXPECT_EQ(index_.Find(Id(1)), nullptr);
  EXPECT_EQ(index_.message_count(), 2u);
  // A report on a report, which came to nothing.
  EXPECT_EQ(Report(4, 2, {2, 100}, EncodeOutcome(0, RecipientState::kBounced)), Change::kAdded);
  EXPECT_EQ(index_.Find(Id(2)), nullptr);
  EXPECT_EQ(index_.oldest_needed_segment({9, 0}), 2u);  // of what was reported on nothing is kept
}

TEST_F(QueueIndexTest, OddReportsDoNoHarm) {
  Accept(1, {1, 0});
  EXPECT_EQ(Report(2, 99, {1, 100}, EncodeOutcome(0, RecipientState::kBounced)), Change::kAdded);  // long gone
  EXPECT_EQ(Report(3, 3, {1, 200}, EncodeOutcome(0, RecipientState::kBounced)), Change::kAdded);   // about itself
  EXPECT_EQ(Recipient(3).state, RecipientState::kWaiting);
  EXPECT_EQ(Report(4, 1, {1, 300}, ""), Change::kAdded);  // settles nothing
  EXPECT_EQ(Report(4, 1, {1, 400}, ""), Change::kNone);
  const std::string settlement =
      EncodeSettlement({.about = Id(1), .outcome = EncodeOutcome(0, RecipientState::kBounced)});
  RecordView record = At(RecordKind::kReport, 5, {1, 500});
  record.state = settlement;
  record.head = "no envelope";
  EXPECT_EQ(index_.Apply(record), Change::kNone);
  EXPECT_EQ(Recipient(1).state, RecipientState::kWaiting);  // nobody was told
  envelope_ = EncodeEnvelope();
  record.head = envelope_;
  record.state = "short";
  EXPECT_EQ(index_.Apply(record), Change::kAdded);
  EXPECT_EQ(index_.message_count(), 5u);
}

// What an operator does and a notice of delay are no attempts.
TEST_F(QueueIndexTest, AStateMayChangeWithoutAnAttempt) {
  Accept(1, {1, 0});
  const auto change = [&](RecipientState state) {
    Outcome(1, {1, 100}, EncodeOutcome({.recipient = 0, .state = state, .attempt_count = 3, .next_attempt = {7}}));
    EXPECT_EQ(Recipient(1).state, state);
    // A move brings it to whoever reads the log later, and changes nothing here.
    const std::string state_bytes = State(1);
    EXPECT_EQ(Move(1, {2, 0}, state_bytes), Change::kUpdated);
    EXPECT_EQ(Recipient(1).state, state);
    QueueIndex fresh;
    RecordView record = At(RecordKind::kMoved, 1, {2, 0});
    record.head = envelope_;
    record.state = state_bytes;
    EXPECT_EQ(fresh.Apply(record), Change::kAdded);
    EXPECT_EQ(fresh.Find(Id(1))->recipients()[0].state, state);
    EXPECT_EQ(fresh.Find(Id(1))->recipients()[0].attempt_count, 3);
    EXPECT_EQ(fresh.Find(Id(1))->recipients()[0].next_attempt.us, 7);
  };
  change(RecipientState::kDeferred);
  change(RecipientState::kHeld);
  change(RecipientState::kWaiting);
  change(RecipientState::kDelayed);
  change(RecipientState::kHeld);
  change(RecipientState::kFailed);
  change(RecipientState::kArrived);
}

TEST_F(QueueIndexTest, WhatIsHeldBeforeItsFirstAttemptStaysSo) {
  Accept(1, {1, 0}, 2);
  Outcome(1, {1, 100}, EncodeOutcome(1, RecipientState::kHeld, 0));
  Move(1, {2, 0}, State(1), 2);
  EXPECT_EQ(Recipient(1, 0).state, RecipientState::kWaiting);
  EXPECT_EQ(Recipient(1, 1).state, RecipientState::kHeld);
  Outcome(1, {2, 100},
          EncodeOutcome({.recipient = 1, .state = RecipientState::kWaiting, .next_attempt = {5}, .reply = "released"}));
  const std::string state = State(1);
  QueueIndex fresh;
  RecordView record = At(RecordKind::kMoved, 1, {3, 0});
  record.head = envelope_;
  record.state = state;
  fresh.Apply(record);
  EXPECT_EQ(fresh.Find(Id(1))->recipients()[1].next_attempt.us, 5);
  EXPECT_EQ(fresh.Find(Id(1))->reply(1), "released");
}

TEST_F(QueueIndexTest, DestinationsAreNotesThatNoRecordChanges) {
  Accept(1, {1, 0}, 2);
  EXPECT_EQ(Recipient(1).destination, UINT32_MAX);
  index_.added_recipients()[0].destination = 7;
  index_.SetDestination(Id(1), 1, 8);
  index_.SetDestination(Id(1), 2, 9);  // no such recipient
  index_.SetDestination(Id(5), 0, 9);  // no such message
  Outcome(1, {1, 100}, EncodeOutcome(0, RecipientState::kDeferred));
  Report(2, 1, {1, 200}, EncodeOutcome(1, RecipientState::kDelayed));
  EXPECT_EQ(index_.added_recipients().data(), index_.Find(Id(2))->recipients().data());
  Move(1, {2, 0}, State(1), 2);
  EXPECT_EQ(Recipient(1, 0).destination, 7u);
  EXPECT_EQ(Recipient(1, 1).destination, 8u);
  Outcome(2, {2, 100}, EncodeOutcome(0, RecipientState::kDelivered));
  Accept(3, {2, 200});  // in the slot of a message that is gone
  EXPECT_EQ(Recipient(3).destination, UINT32_MAX);
}

TEST_F(QueueIndexTest, TheLastReplyIsRemembered) {
  for (const size_t count : {1, 2}) {
    Accept(count, {1, 0}, count);
    const auto reply = [&] { return index_.Find(Id(count))->reply(0); };
    EXPECT_EQ(reply(), "");
    const auto defer = [&](std::string_view text) {
      Outcome(count, {1, 100}, EncodeOutcome({.recipient = 0, .state = RecipientState::kDeferred, .reply = text}));
    };
    defer("451 first");
    EXPECT_EQ(reply(), "451 first");
    defer("452 second");
    EXPECT_EQ(reply(), "452 second");
    EXPECT_EQ(index_.Find(Id(count))->reply(5), "");
    defer("");
    EXPECT_EQ(reply(), "");
  }
}

TEST_F(QueueIndexTest, RecordsThatMakeNoSenseChangeNothing) {
  RecordView record = At(RecordKind::kAccepted, 1, {1, 0});
  record.head = "no envelope";
  EXPECT_EQ(index_.Apply(record), Change::kNone);
  EXPECT_EQ(Accept(0, {1, 0}), Change::kNone);
  EXPECT_EQ(Accept(2, {1, 0}, 0), Change::kNone);
  Accept(3, {1, 100});
  EXPECT_EQ(Outcome(3, {1, 200}, EncodeOutcome(7, RecipientState::kDelivered)), Change::kUpdated);
  EXPECT_EQ(Outcome(3, {1, 300}, "rubbish"), Change::kUpdated);
  EXPECT_EQ(index_.Find(Id(3))->recipients()[0].state, RecipientState::kWaiting);
  EXPECT_EQ(index_.message_count(), 1u);
}

TEST_F(QueueIndexTest, SegmentsAreNeededWhileAnythingOfAMessageIsInThem) {
  const Position reader{9, 0};
  EXPECT_EQ(index_.oldest_needed_segment(reader), 9u);
  Accept(1, {5, 0}, 1, {{3, 0}, {4, 0}});
  Accept(2, {4, 0});
  EXPECT_EQ(index_.oldest_needed_segment(reader), 3u);
  Outcome(1, {6, 0}, EncodeOutcome(0, RecipientState::kDelivered));
  EXPECT_EQ(index_.oldest_needed_segment(reader), 4u);
  Move(2, {8, 0}, State(2));
  EXPECT_EQ(index_.oldest_needed_segment(reader), 8u);
  EXPECT_EQ(index_.Find(Id(2))->position(), (Position{8, 0}));
  Outcome(2, {8, 100}, EncodeOutcome(0, RecipientState::kDelivered));
  EXPECT_EQ(index_.oldest_needed_segment(reader), 9u);
}

TEST_F(QueueIndexTest, AMoveCarriesTheStateToAFreshIndex) {
  Accept(1, {1, 0}, 3);
  Outcome(1, {1, 100},
          EncodeOutcome({.recipient = 1,
                         .state = RecipientState::kDeferred,
                         .attempt_count = 2,
                         .next_attempt = {77},
                         .reply = "451 later"}));
  Outcome(1, {1, 200}, EncodeOutcome(2, RecipientState::kDelivered));
  const std::string state = State(1);
  EXPECT_EQ(Move(1, {5, 0}, state, 3), Change::kUpdated);

  QueueIndex fresh;  // after a restart, when the old segment is gone
  RecordView record = At(RecordKind::kMoved, 1, {5, 0});
  record.head = envelope_;
  record.state = state;
  EXPECT_EQ(fresh.Apply(record), Change::kAdded);
  const QueuedMessage& message = *fresh.Find(Id(1));
  EXPECT_EQ(message.recipients()[0].state, RecipientState::kWaiting);
  EXPECT_EQ(message.recipients()[1].state, RecipientState::kDeferred);
  EXPECT_EQ(message.recipients()[1].attempt_count, 2);
  EXPECT_EQ(message.recipients()[1].next_attempt.us, 77);
  EXPECT_EQ(message.reply(1), "451 later");
  EXPECT_EQ(message.recipients()[2].state, RecipientState::kDelivered);
}

TEST_F(QueueIndexTest, AMoveTakesBackNoMark) {
  Accept(1, {1, 0});
  const std::string old_state = State(1);
  Outcome(1, {1, 100}, EncodeOutcome(0, RecipientState::kDeferred, 2));
  Move(1, {2, 0}, old_state);
  EXPECT_EQ(index_.Find(Id(1))->recipients()[0].attempt_count, 2);
  Move(1, {3, 0}, EncodeOutcome(0, RecipientState::kDeferred, 1));
  EXPECT_EQ(index_.Find(Id(1))->recipients()[0].attempt_count, 2);
}

// Damage has taken an outcome, but what was moved afterwards knew it.
TEST_F(QueueIndexTest, AMoveHealsWhatDamageHasTaken) {
  Accept(1, {1, 0}, 3);
  for (uint32_t i = 0; i < 3; ++i) Outcome(1, {1, 100}, EncodeOutcome(i, RecipientState::kDeferred, 2));
  OutcomeWriter state;
  state.Start();
  state.Add({.recipient = 0, .state = RecipientState::kHeld, .attempt_count = 2});
  state.Add({.recipient = 1, .state = RecipientState::kDeferred, .attempt_count = 3});
  state.Add({.recipient = 2, .state = RecipientState::kBounced, .attempt_count = 2});
  Move(1, {2, 0}, state.bytes(), 3);
  EXPECT_EQ(Recipient(1, 0).state, RecipientState::kHeld);
  EXPECT_EQ(Recipient(1, 1).attempt_count, 3);
  EXPECT_EQ(Recipient(1, 2).state, RecipientState::kBounced);
}

TEST_F(QueueIndexTest, WhoseReportIsOnItsWayIsNotMoved) {
  Accept(1, {1, 0}, 2);
  index_.NoteOutcomeAway(Id(1));  // of one recipient
  index_.NoteOutcomeAway(Id(1));  // of the other, in a report
  Outcome(1, {1, 100}, EncodeOutcome(0, RecipientState::kDeferred));
  EXPECT_TRUE(index_.TakeMoves(10).empty());
  Report(2, 1, {2, 0}, EncodeOutcome(1, RecipientState::kBounced));
  EXPECT_EQ(index_.TakeMoves(10), (std::vector<MessageId>{Id(1)}));
  index_.NoteMoveFailed(Id(1));
  index_.NoteOutcomeAway(Id(1));
  EXPECT_TRUE(index_.TakeMoves(10).empty());
  index_.NoteOutcomeLost(Id(1));
  index_.NoteOutcomeLost(Id(1));  // one too many does no harm
  index_.NoteOutcomeLost(Id(99));
  EXPECT_EQ(index_.TakeMoves(10), (std::vector<MessageId>{Id(1)}));
}

TEST_F(QueueIndexTest, MovesAreTakenFromTheOldestSegmentOnceEach) {
  for (uint64_t i = 1; i <= 5; ++i) Accept(i, {1, static_cast<uint32_t>(i * 100)});
  Accept(6, {2, 0});
  index_.NoteOutcomeAway(Id(5));
  EXPECT_EQ(index_.TakeMoves(2).size(), 2u);
  const std::vector<MessageId> rest = index_.TakeMoves(10);
  EXPECT_EQ(rest.size(), 2u);  // neither those that are away nor the one whose outcome is
  EXPECT_TRUE(index_.TakeMoves(10).empty());
  index_.NoteMoveFailed(rest[0]);
  EXPECT_EQ(index_.TakeMoves(10), (std::vector<MessageId>{rest[0]}));
  Outcome(5, {2, 100}, EncodeOutcome(0, RecipientState::kDeferred));
  EXPECT_EQ(index_.TakeMoves(10), (std::vector<MessageId>{Id(5)}));
  for (uint64_t i = 1; i <= 5; ++i) Move(i, {3, static_cast<uint32_t>(i * 100)}, State(i));
  EXPECT_EQ(index_.TakeMoves(10), (std::vector<MessageId>{Id(6)}));
}

TEST_F(QueueIndexTest, MovesPayWhenMostOfTheLogIsDead) {
  EXPECT_FALSE(index_.WantsMoves({9, 0}, kSegmentSize, true));
  Accept(1, {1, 0});
  for (uint32_t segment = 2; segment <= 5; ++segment) Accept(segment, {segment, 0});
  for (uint32_t segment = 2; segment <= 5; ++segment) {
    Outcome(segment, {5, segment * 100}, EncodeOutcome(0, RecipientState::kDelivered));
  }
  EXPECT_FALSE(index_.WantsMoves({5, 0}, kSegmentSize, false));  // 100 of 4000 bytes live: not four segments dead
  EXPECT_TRUE(index_.WantsMoves({5, 0}, kSegmentSize, true));
  EXPECT_TRUE(index_.WantsMoves({5, 200}, kSegmentSize, false));
  EXPECT_FALSE(index_.WantsMoves({1, 900}, kSegmentSize, true));  // what is in the head is not moved
}

// Segments are numbered with gaps, since spares have numbers too; a gap is no dead room.
TEST_F(QueueIndexTest, GapsInTheNumbersDoNotCount) {
  for (uint32_t i = 0; i < 10; ++i) Accept(1 + i, {1 + i * 10, 0});
  EXPECT_FALSE(index_.WantsMoves({91, 0}, 110, false));
}

TEST_F(QueueIndexTest, SlotsAreUsedAgain) {
  for (uint64_t round = 0; round < 10; ++round) {
    for (uint64_t i = 1; i <= 100; ++i) Accept(round * 100 + i, {1, 0}, 1 + i % 2);
    for (uint64_t i = 1; i <= 100; ++i) {
      Outcome(round * 100 + i, {1, 0}, EncodeOutcome(0, RecipientState::kDelivered));
      if (i % 2 == 1) Outcome(round * 100 + i, {1, 0}, EncodeOutcome(1, RecipientState::kDelivered));
    }
  }
  EXPECT_EQ(index_.slot_count(), 100u);
  EXPECT_EQ(index_.message_count(), 0u);
  for (size_t slot = 0; slot < index_.slot_count(); ++slot) EXPECT_EQ(index_.At(slot), nullptr);
}

}  // namespace
}  // namespace postern
