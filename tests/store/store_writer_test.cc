#include "store/store_writer.h"

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sim/sim_disk.h"
#include "tests/store/store_fixture.h"
#include "tests/store/store_writer_world.h"

namespace postern {
namespace {

using Operation = SimDisk::Operation;
using StoreWriterTest = StoreWriterWorld;

TEST_F(StoreWriterTest, ABatchIsOneSyncAndOneWakeUp) {
  for (uint64_t i = 1; i <= 50; ++i) driver_->Accept(Id(i), Body(i, 1000));
  driver_->Run();  // the first batch fills the new segment with zeros
  for (uint64_t i = 51; i <= 100; ++i) driver_->Accept(Id(i), Body(i, 500));
  const uint64_t syncs = disk_.count(Operation::kSync);
  const uint64_t writes = disk_.count(Operation::kWrite);
  const int wakes = driver_->wake_count();
  const int follows = follower_.count;
  EXPECT_EQ(driver_->Run().size(), 50u);
  EXPECT_EQ(disk_.count(Operation::kSync), syncs + 1);
  EXPECT_EQ(disk_.count(Operation::kWrite), writes + 1);
  EXPECT_EQ(driver_->wake_count(), wakes + 1);
  EXPECT_EQ(follower_.count, follows + 1);
  EXPECT_EQ(writer_->sync_count(), 2u);
  EXPECT_EQ(writer_->record_count(), 100u);
  for (const uint64_t i : {1, 50, 51}) EXPECT_EQ(Stored(i), Body(i, i <= 50 ? 1000 : 500));
}

TEST_F(StoreWriterTest, NothingToDoIsNothingDone) {
  const uint64_t count = disk_.total_count();
  EXPECT_TRUE(driver_->Run().empty());
  EXPECT_EQ(disk_.total_count(), count);
  EXPECT_EQ(follower_.count, 0);
}

TEST_F(StoreWriterTest, AReceiptComesHomeAfterItsRecordIsDurable) {
  const Handoff& handoff = driver_->Accept(Id(1), "body");
  EXPECT_EQ(handoff.result, HandoffResult::kPending);
  driver_->Run();
  EXPECT_EQ(handoff.result, HandoffResult::kDurable);
  disk_.Kill();
  Open();
  EXPECT_EQ(Stored(1), "body");
}

TEST_F(StoreWriterTest, FragmentsAreWrittenAtOnceAndSyncedWithTheLastPiece) {
  const uint64_t syncs = disk_.count(Operation::kSync);
  const Handoff& first = driver_->Fragment(Id(1), "one ");
  driver_->Run();
  const Handoff& second = driver_->Fragment(Id(1), "two ");
  driver_->Fragment(Id(2), "another's ");
  driver_->Run();
  EXPECT_EQ(first.result, HandoffResult::kDurable);
  EXPECT_EQ(second.result, HandoffResult::kDurable);
  EXPECT_EQ(disk_.count(Operation::kSync), syncs);
  EXPECT_EQ(Stored(1), "not there");
  driver_->Accept(Id(1), "three");
  driver_->Accept(Id(2), "end");
  driver_->Run();
  EXPECT_EQ(disk_.count(Operation::kSync), syncs + 1);
  EXPECT_EQ(Stored(1), "one two three");
  EXPECT_EQ(Stored(2), "another's end");
}

TEST_F(StoreWriterTest, PiecesOfOneMessageMayComeInOneBatch) {
  driver_->Fragment(Id(1), "one ");
  driver_->Accept(Id(1), "two");
  driver_->Fragment(Id(2), "three ");
  driver_->Accept(Id(2));
  driver_->Run();
  EXPECT_EQ(Stored(1), "one two");
  EXPECT_EQ(Stored(2), "three ");
}

TEST_F(StoreWriterTest, WhatIsAbandonedHasNeverBeen) {
  driver_->Fragment(Id(1), "one");
  driver_->Run();
  const Handoff& abandoned = driver_->Abandon(Id(1));
  driver_->Abandon(Id(2));  // of which no piece ever came
  EXPECT_EQ(driver_->Run().size(), 2u);
  EXPECT_EQ(abandoned.result, HandoffResult::kDurable);
  driver_->Accept(Id(1), "new");  // had it gone on, the old pieces would not belong to it
  driver_->Run();
  EXPECT_EQ(Stored(1), "new");
}

TEST_F(StoreWriterTest, AReportIsAFactWithWhatItSettlesOrNotAtAll) {
  driver_->Accept(Id(1), "lost", EncodeEnvelope(2));
  driver_->Outcome(Id(1), EncodeOutcome(0, RecipientState::kFailed));
  driver_->Run();
  driver_->Fragment(Id(2), "it was ");
  driver_->Run();
  disk_.Kill();
  Open();
  EXPECT_EQ(Stored(2), "not there");
  EXPECT_EQ(index_->Find(Id(1))->recipients()[0].state, RecipientState::kFailed);

  driver_->Fragment(Id(3), "it was ");
  driver_->Run();
  const uint64_t syncs = disk_.count(Operation::kSync);
  const Handoff& report = driver_->Report(Id(3), Id(1), EncodeOutcome(0, RecipientState::kBounced), "refused");
  driver_->Report(Id(4), Id(1), EncodeOutcome(1, RecipientState::kDelayed), "late");
  driver_->Run();
  EXPECT_EQ(report.result, HandoffResult::kDurable);
  EXPECT_EQ(disk_.count(Operation::kSync), syncs + 1);
  disk_.Kill();
  Open();
  EXPECT_EQ(Stored(3), "it was refused");
  EXPECT_EQ(Stored(4), "late");
  EXPECT_EQ(index_->Find(Id(1))->recipients()[0].state, RecipientState::kBounced);
  EXPECT_EQ(index_->Find(Id(1))->recipients()[1].state, RecipientState::kDelayed);
}

// Nobody but the writer knows of a message whose pieces are coming in.
TEST_F(StoreWriterTest, SegmentsOfOpenMessagesAreKept) {
  driver_->Fragment(Id(1), "one ");
  driver_->Run();
  const uint32_t segment = log_->durable().segment;
  Roll();
  Release();
  EXPECT_EQ(log_->oldest_segment(), segment);
  driver_->Accept(Id(1), "two");
  driver_->Run();
  EXPECT_EQ(Stored(1), "one two");
}

// And until the reader has come to its record, nobody else knows that it was accepted.
TEST_F(StoreWriterTest, SegmentsOfAMessageThatWasNotReadYetAreKept) {
  driver_->Fragment(Id(1), "one ");
  driver_->Run();
  const uint32_t segment = log_->durable().segment;
  Roll();
  Follow();
  writer_->SetNeededSegment(index_->oldest_needed_segment(log_->durable()), log_->durable());
  driver_->Accept(Id(1), "two");
  driver_->Run();
  EXPECT_EQ(log_->oldest_segment(), segment);
  EXPECT_EQ(Stored(1), "one two");
  driver_->Outcome(Id(1), EncodeOutcome(0, RecipientState::kDelivered));
  driver_->Run();
  Release();
  EXPECT_GT(log_->oldest_segment(), segment);
}

TEST_F(StoreWriterTest, AFullDiskRefusesMailUntilThereIsRoom) {
  disk_.set_capacity(disk_.used_size());
  uint64_t number = 0;
  std::vector<uint64_t> accepted;
  for (;;) {
    ++number;
    const Handoff& handoff = driver_->Accept(Id(number), Body(number, 20'000));
    driver_->Run();
    if (handoff.result != HandoffResult::kDurable) {
      EXPECT_EQ(handoff.result, HandoffResult::kNoRoom);
      break;
    }
    accepted.push_back(number);
  }
  EXPECT_TRUE(writer_->full());
  EXPECT_FALSE(writer_->poisoned());
  for (const uint64_t i : accepted) EXPECT_EQ(Stored(i), Body(i, 20'000));
  // What is done frees room: its marks still find some.
  for (const uint64_t i : accepted) {
    const Handoff& outcome = driver_->Outcome(Id(i), EncodeOutcome(0, RecipientState::kDelivered));
    driver_->Run();
    EXPECT_EQ(outcome.result, HandoffResult::kDurable);
  }
  disk_.set_capacity(UINT64_MAX);
  driver_->Accept(Id(++number), "welcome");
  driver_->Run();
  EXPECT_EQ(Stored(number), "welcome");
  EXPECT_FALSE(writer_->full());
}

TEST_F(StoreWriterTest, WhatFitsNoSegmentIsRefusedAloneAndForGood) {
  const std::string much(kWriterOptions.segment_size, 'x');
  driver_->Accept(Id(1), "body");
  driver_->Run();
  Follow();
  const Handoff& outcome = driver_->Outcome(Id(1), much);
  const Handoff& envelope = driver_->Accept(Id(2), "", much);
  const Handoff& other = driver_->Accept(Id(3), "fine");
  driver_->Run();
  const Handoff& move = driver_->Move(Id(1), index_->Find(Id(1))->position(), much);
  driver_->Run();
  EXPECT_EQ(outcome.result, HandoffResult::kLost);
  EXPECT_EQ(envelope.result, HandoffResult::kLost);
  EXPECT_EQ(other.result, HandoffResult::kDurable);
  EXPECT_EQ(move.result, HandoffResult::kLost);
  EXPECT_FALSE(writer_->full()) << "mail is taken as before";
  EXPECT_EQ(Stored(1), "body");
  EXPECT_EQ(Stored(3), "fine");
}

TEST_F(StoreWriterTest, AMessageWithALostPieceIsRefused) {
  driver_->Fragment(Id(1), "one ");
  driver_->Run();
  disk_.FailAt(Operation::kWrite, 1, absl::ResourceExhaustedError("ENOSPC"));
  const Handoff& lost = driver_->Fragment(Id(1), "two ");
  driver_->Run();
  EXPECT_EQ(lost.result, HandoffResult::kNoRoom);
  const Handoff& next = driver_->Fragment(Id(1), "three ");
  const Handoff& last = driver_->Accept(Id(1), "end");
  const Handoff& other = driver_->Accept(Id(2), "fine");
  driver_->Run();
  EXPECT_EQ(next.result, HandoffResult::kNoRoom);
  EXPECT_EQ(last.result, HandoffResult::kNoRoom);
  EXPECT_EQ(other.result, HandoffResult::kDurable);
  EXPECT_EQ(Stored(1), "not there");
  EXPECT_EQ(Stored(2), "fine");
}

TEST_F(StoreWriterTest, AFailedSyncPoisonsAndNothingIsAcceptedAfter) {
  driver_->Accept(Id(1), "before");
  driver_->Run();
  disk_.FailAt(Operation::kSync, 1, absl::InternalError("EIO"));
  const Handoff& failed = driver_->Accept(Id(2), "in doubt");
  driver_->Run();
  EXPECT_EQ(failed.result, HandoffResult::kPoisoned);
  EXPECT_TRUE(writer_->poisoned());
  const Handoff& accepted = driver_->Accept(Id(3), "after");
  const Handoff& outcome = driver_->Outcome(Id(1), EncodeOutcome(0, RecipientState::kDelivered));
  const Handoff& fragment = driver_->Fragment(Id(4), "piece");
  const Handoff& abandoned = driver_->Abandon(Id(4));
  const uint64_t count = disk_.total_count();
  const std::vector<Handoff*> home = driver_->Run();
  ASSERT_EQ(home.size(), 4u);  // in their order, all the same
  EXPECT_EQ(home[2], &fragment);
  EXPECT_EQ(home[3], &abandoned);
  EXPECT_EQ(accepted.result, HandoffResult::kPoisoned);
  EXPECT_EQ(outcome.result, HandoffResult::kPoisoned);
  EXPECT_EQ(fragment.result, HandoffResult::kPoisoned);
  EXPECT_EQ(disk_.total_count(), count);
  EXPECT_EQ(Stored(1), "before");  // what was accepted can still be read and sent
}

// Where a producer gets its receipts. The writer may still be about to wake it when it has them all.
struct Desk {
  ThreadDoorbell bell;
  ReceiptBox home{4, bell};
};

// The real thread: producers that wait for their receipts, and a reader that follows.
TEST(StoreWriterThread, ManyProducersAndAFollower) {
  constexpr uint64_t kProducers = 3;
  constexpr uint64_t kMessages = 200;
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/threads";
  std::array<Desk, kProducers> desks;
  auto directory = *OpenDirectory(path);
  auto log = *SegmentLog::Open(*directory, {.segment_size = 128 * 1024, .segment_size_min = 8192}, nullptr);
  ThreadDoorbell follower;
  StoreWriter writer(*log, 64, &follower);
  std::atomic<bool> stop{false};
  std::thread writing([&] { writer.Run(stop); });

  std::atomic<uint64_t> durable_count{0};
  std::vector<std::thread> producers;
  for (uint64_t p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      ThreadDoorbell& self = desks[p].bell;
      ReceiptBox& home = desks[p].home;
      const std::string envelope = EncodeEnvelope();
      Block body;
      for (uint64_t i = 0; i < kMessages; ++i) {
        while (!writer.TryReserve(1)) std::this_thread::yield();
        Handoff handoff;
        handoff.kind = HandoffKind::kAccepted;
        handoff.message = Id(1 + p * kMessages + i);
        handoff.head = envelope;
        const std::string text = Body(handoff.message.number, 700);
        std::memcpy(body.data, text.data(), text.size());
        body.size = text.size();
        handoff.body = &body;
        handoff.home = &home;
        ASSERT_TRUE(writer.TryPush(&handoff));
        writer.Wake();
        Handoff* receipt = nullptr;
        while (!home.queue.TryPop(receipt)) self.SleepUnless([&] { return !home.queue.LooksEmpty(); });
        writer.GiveBack(1);
        durable_count += receipt->result == HandoffResult::kDurable;
      }
    });
  }

  LogReader reader(*directory, nullptr);
  QueueIndex index;
  Frontier read;
  while (index.message_count() < kProducers * kMessages) {
    follower.SleepUnless([&] { return writer.durable() != read; });
    read = writer.durable();
    while (const auto record = reader.Next(read)) index.Apply(*record);
    writer.SetNeededSegment(index.oldest_needed_segment(read), read);
    writer.Wake();
  }
  for (std::thread& producer : producers) producer.join();
  stop = true;
  writer.Wake();
  writing.join();
  EXPECT_EQ(durable_count, kProducers * kMessages);
  EXPECT_EQ(reader.report().damage_count, 0u);
  for (uint64_t i = 1; i <= kProducers * kMessages; i += 17) {
    EXPECT_EQ(*ReadBody(*directory, index.Find(Id(i))->position()), Body(Id(i).number, 700));
  }
  RecoveryReport report;
  ASSERT_TRUE(SegmentLog::Open(*directory, {}, &report).ok());
  EXPECT_EQ(report.torn_size, 0u);  // it was sealed at its end
}

}  // namespace
}  // namespace postern
