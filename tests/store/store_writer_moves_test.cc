// Messages on their way from the oldest segment to the head of the log, so that it can be freed.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "store/queue_index.h"
#include "tests/store/moody_directory.h"
#include "tests/store/store_writer_world.h"

namespace postern {
namespace {

using StoreWriterMovesTest = StoreWriterWorld;

TEST_F(StoreWriterMovesTest, AMoveBringsAMessageToTheHeadAndFreesItsOldPlace) {
  const std::string one = Body(1, 30'000);
  driver_->Fragment(Id(1), one);
  driver_->Accept(Id(1), "end", EncodeEnvelope(2));
  driver_->Outcome(Id(1), EncodeOutcome(1, RecipientState::kDeferred, 3));
  driver_->Run();
  Follow();
  const Position old = index_->Find(Id(1))->position();
  Roll();
  OutcomeWriter state;
  index_->EncodeState(*index_->Find(Id(1)), state);
  const Handoff& move = driver_->Move(Id(1), old, state.bytes());
  driver_->Run();
  EXPECT_EQ(move.result, HandoffResult::kDurable);
  Release();
  EXPECT_GT(log_->oldest_segment(), old.segment);
  EXPECT_EQ(Stored(1), one + "end");
  Open();
  EXPECT_EQ(Stored(1), one + "end");
  EXPECT_EQ(index_->Find(Id(1))->recipients()[1].attempt_count, 3);
}

TEST_F(StoreWriterMovesTest, WhatCannotBeReadJustNowIsNotMovedAndNotLost) {
  const std::string one = Body(1, 30'000);
  driver_->Fragment(Id(1), one);
  driver_->Accept(Id(1), "end");
  driver_->Run();
  Roll();
  Moody directory(*directory_);
  driver_.reset();
  writer_.reset();
  log_.reset();
  log_ = *SegmentLog::Open(directory, kWriterOptions, nullptr);
  writer_ = std::make_unique<StoreWriter>(*log_, 256, &follower_);
  driver_ = std::make_unique<WriterDriver>(*writer_);
  reader_ = std::make_unique<LogReader>(directory, nullptr);
  index_ = std::make_unique<QueueIndex>();
  Follow();
  const Position old = index_->Find(Id(1))->position();
  OutcomeWriter state;
  index_->EncodeState(*index_->Find(Id(1)), state);
  // The record itself can be read, and its fragment cannot.
  directory.sick_name = SegmentName(old.segment);
  directory.sick_offset = 8192;
  const Handoff& move = driver_->Move(Id(1), old, state.bytes());
  driver_->Run();
  EXPECT_EQ(move.result, HandoffResult::kUnread);
  directory.sick_offset = old.offset;
  const Handoff& once_more = driver_->Move(Id(1), old, state.bytes());
  driver_->Run();
  EXPECT_EQ(once_more.result, HandoffResult::kUnread);
  EXPECT_FALSE(writer_->full());
  Release();
  EXPECT_EQ(log_->oldest_segment(), old.segment);
  EXPECT_EQ(Stored(1), one + "end");

  directory.sick_name.clear();
  const Handoff& moved = driver_->Move(Id(1), old, state.bytes());
  driver_->Run();
  EXPECT_EQ(moved.result, HandoffResult::kDurable);
  Release();
  EXPECT_GT(log_->oldest_segment(), old.segment);
  EXPECT_EQ(Stored(1), one + "end");
  Open();  // without the moody one, which ends here
}

TEST_F(StoreWriterMovesTest, NobodyWaitsForALargeMoveButTheOutcomesOfItsMessage) {
  std::string body;
  for (uint64_t piece = 0; body.size() < 5u * 1024 * 1024; ++piece) {
    body += Body(piece, 30'000);
    driver_->Fragment(Id(1), std::string_view(body).substr(body.size() - 30'000));
    driver_->Run();
  }
  driver_->Accept(Id(1), "end", EncodeEnvelope(2));
  driver_->Accept(Id(2), "small");
  driver_->Run();
  Follow();
  OutcomeWriter state;
  index_->EncodeState(*index_->Find(Id(1)), state);
  const Handoff& large = driver_->Move(Id(1), index_->Find(Id(1))->position(), state.bytes());
  const Handoff& behind = driver_->Outcome(Id(1), EncodeOutcome(1, RecipientState::kDelivered));
  const Handoff& other = driver_->Outcome(Id(2), EncodeOutcome(0, RecipientState::kDelivered));
  const Handoff& accepted = driver_->Accept(Id(3), "new");

  EXPECT_EQ(driver_->Run().size(), 2u);
  EXPECT_EQ(other.result, HandoffResult::kDurable);
  EXPECT_EQ(accepted.result, HandoffResult::kDurable);
  EXPECT_EQ(large.result, HandoffResult::kPending);
  EXPECT_TRUE(writer_->HasWork());
  EXPECT_EQ(driver_->Run().size(), 2u);
  EXPECT_EQ(large.result, HandoffResult::kDurable);
  EXPECT_EQ(behind.result, HandoffResult::kDurable);
  EXPECT_EQ(writer_->RunOnce(), 0u);

  Release();
  EXPECT_EQ(Stored(1), body + "end");
  Open();  // whoever reads only the log sees the outcome behind the move
  EXPECT_EQ(Stored(1), body + "end");
  EXPECT_EQ(index_->Find(Id(1))->recipients()[1].state, RecipientState::kDelivered);
}

TEST_F(StoreWriterMovesTest, AReportIsWrittenBehindAMoveOfWhatItIsAbout) {
  const std::string body = Body(1, 20'000);
  driver_->Accept(Id(1), body, EncodeEnvelope(2));
  driver_->Outcome(Id(1), EncodeOutcome(0, RecipientState::kFailed));
  driver_->Run();
  Follow();
  Roll();
  Follow();
  OutcomeWriter state;
  index_->EncodeState(*index_->Find(Id(1)), state);
  driver_->Move(Id(1), index_->Find(Id(1))->position(), state.bytes());
  driver_->Fragment(Id(2), "it was ");
  driver_->Report(Id(2), Id(1), EncodeOutcome(0, RecipientState::kBounced), "refused");
  driver_->Outcome(Id(1), EncodeOutcome(1, RecipientState::kDeferred));
  const Handoff& other = driver_->Accept(Id(3), "other");
  const std::vector<Handoff*> receipts = driver_->Run();
  ASSERT_EQ(receipts.size(), 5u);
  EXPECT_EQ(receipts[0]->kind, HandoffKind::kFragment);
  EXPECT_EQ(receipts[1], &other);  // waits for none of them
  EXPECT_EQ(receipts[2]->kind, HandoffKind::kMove);
  EXPECT_EQ(receipts[3]->about, Id(1));
  EXPECT_EQ(receipts[4]->kind, HandoffKind::kOutcome);
  Release();  // the old place, and what was said before the move
  Open();
  EXPECT_EQ(Stored(1), body);
  EXPECT_EQ(Stored(2), "it was refused");
  EXPECT_EQ(index_->Find(Id(1))->recipients()[0].state, RecipientState::kBounced);
  EXPECT_EQ(index_->Find(Id(1))->recipients()[1].state, RecipientState::kDeferred);
}

TEST_F(StoreWriterMovesTest, AMovedReportIsAMessage) {
  driver_->Accept(Id(1), "lost");
  driver_->Fragment(Id(2), "it was ");
  driver_->Report(Id(2), Id(1), EncodeOutcome(0, RecipientState::kBounced), "refused");
  driver_->Run();
  Follow();
  const Position old = index_->Find(Id(2))->position();
  EXPECT_EQ(index_->Find(Id(1)), nullptr);
  Roll();
  OutcomeWriter state;
  index_->EncodeState(*index_->Find(Id(2)), state);
  const Handoff& move = driver_->Move(Id(2), old, state.bytes());
  driver_->Run();
  EXPECT_EQ(move.result, HandoffResult::kDurable);
  Release();
  EXPECT_GT(log_->oldest_segment(), old.segment);
  Open();
  EXPECT_EQ(Stored(2), "it was refused");
  EXPECT_EQ(index_->message_count(), 1u);
}

TEST_F(StoreWriterMovesTest, AMoveOfWhatIsNotThereSaysSoAndIsNoFullDisk) {
  const Handoff& nowhere = driver_->Move(Id(1), {777, 0}, "");
  driver_->Accept(Id(2), "body");
  driver_->Run();
  Follow();
  const Handoff& another = driver_->Move(Id(3), index_->Find(Id(2))->position(), "");
  driver_->Run();
  EXPECT_EQ(nowhere.result, HandoffResult::kLost);
  EXPECT_EQ(another.result, HandoffResult::kLost);
  EXPECT_FALSE(writer_->full());
}

}  // namespace
}  // namespace postern
