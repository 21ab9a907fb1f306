#include "store/queue_index.h"

#include <string>
#include <vector>

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
  Change Outcome(uint64_t number, Position position, const std::string& outcome) {
    RecordView record = At(RecordKind::kOutcome, number, position);
    record.head = outcome;
    return index_.Apply(record);
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
  ASSERT_NE(index_.Find(Id(1)), nullptr);  // the failed one is kept for an operator
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
