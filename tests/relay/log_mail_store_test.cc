#include "relay/log_mail_store.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "store/segment_log.h"
#include "tests/sim/sim_disk.h"
#include "tests/store/moody_directory.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

constexpr SegmentLogOptions kOptions{.segment_size = 16384, .segment_size_min = 4096, .spare_count_max = 2};
constexpr size_t kLogCount = 2;

// The relay's place: it gives every recipient the destination 7.
class Listener final : public FoldListener {
 public:
  void HandleAccepted(MessageId, std::string_view envelope, std::span<QueuedRecipient> recipients) override {
    EXPECT_TRUE(ParseEnvelope(envelope).has_value());
    for (QueuedRecipient& recipient : recipients) recipient.destination = 7;
  }
};

class LogMailStoreTest : public testing::Test {
 protected:
  struct Parts {
    std::unique_ptr<Directory> disk;
    std::unique_ptr<Moody> directory;
    std::unique_ptr<SegmentLog> log;
    std::unique_ptr<StoreWriter> writer;
    std::unique_ptr<WriterDriver> driver;
  };

  LogMailStoreTest() {
    std::vector<MailLog> logs;
    for (size_t i = 0; i < kLogCount; ++i) {
      Parts& parts = parts_[i];
      parts.disk = *disk_.Open(absl::StrCat("log", i));
      parts.directory = std::make_unique<Moody>(*parts.disk);
      parts.log = *SegmentLog::Open(*parts.directory, kOptions, nullptr);
      parts.writer = std::make_unique<StoreWriter>(*parts.log, 256);
      parts.driver = std::make_unique<WriterDriver>(*parts.writer);
      logs.push_back({.directory = *parts.directory, .writer = *parts.writer, .segment_size = kOptions.segment_size});
    }
    store_ = std::make_unique<LogMailStore>(logs, self_);
  }

  // All that waits is written and read back.
  void Turn() {
    for (Parts& parts : parts_) parts.driver->Run();
    while (store_->Fold(listener_, 100)) {
    }
    store_->Maintain(now_);
  }
  void Accept(size_t log, uint64_t number, std::string_view body = "body", size_t recipient_count = 1) {
    parts_[log].driver->Accept(Id(number), body, EncodeEnvelope(recipient_count, kEnvelopeUrgent));
    Turn();
  }
  // Mail that comes and goes, until the log would be cleaned up: more than four segments of it are dead.
  void Roll(size_t log) {
    for (int i = 0; i < 20; ++i) {
      ++filler_;
      Accept(log, filler_, Body(filler_, 6000));
      parts_[log].driver->Outcome(Id(filler_), EncodeOutcome(0, RecipientState::kDelivered));
      Turn();
    }
  }
  std::string Read(uint64_t number) {
    const absl::StatusOr<StoredMessage> stored = store_->Open(Id(number));
    return stored.ok() ? ReadAll(*stored->body) : std::string(stored.status().message());
  }
  static std::string ReadAll(MessageBody& body) {
    std::string text;
    for (;;) {
      const absl::StatusOr<std::string_view> piece = body.Next();
      if (!piece.ok()) return std::string(piece.status().message());
      if (piece->empty()) return text;
      text += *piece;
    }
  }
  Handoff Piece(HandoffKind kind, uint64_t number, uint64_t about) {
    return {.kind = kind, .message = Id(number), .about = Id(about), .home = &home_};
  }
  HandoffResult Receipt() {
    Handoff* handoff = nullptr;
    return home_.queue.TryPop(handoff) ? handoff->result : HandoffResult::kPending;
  }

  SimDisk disk_;
  CountingWakeable self_;
  ReceiptBox home_{16, self_};
  Listener listener_;
  Parts parts_[kLogCount];
  std::unique_ptr<LogMailStore> store_;
  MonotonicTime now_;
  uint64_t filler_ = 1'000'000;
};

TEST_F(LogMailStoreTest, AWalkShowsEveryMessageOfEveryLog) {
  std::map<uint64_t, size_t> expected;
  for (uint64_t i = 1; i <= 20; ++i) {
    Accept(i % kLogCount, i, Body(i, i), 1 + i % 3);
    if (i % 5 != 0) expected[i] = 1 + i % 3;
  }
  for (const uint64_t i : {5, 10, 15, 20}) {  // leave empty places
    for (uint32_t recipient = 0; recipient < 1 + i % 3; ++recipient) {
      parts_[i % kLogCount].driver->Outcome(Id(i), EncodeOutcome(recipient, RecipientState::kDelivered));
    }
  }
  Turn();
  for (const size_t step : {1, 3, 10, 1000}) {
    std::map<uint64_t, size_t> shown;
    uint64_t cursor = 0;
    size_t in_step = 0;
    const auto visit = [&](const MailView& mail) {
      ++in_step;
      const uint64_t number = mail.id.number >> 8;
      EXPECT_TRUE(shown.emplace(number, mail.recipients.size()).second);
      EXPECT_EQ(mail.body_size, number);
      EXPECT_EQ(mail.flags, kEnvelopeUrgent);
      for (const QueuedRecipient& recipient : mail.recipients) EXPECT_EQ(recipient.destination, 7u);
    };
    do {
      EXPECT_LE(in_step, step);
      in_step = 0;
    } while (store_->Walk(cursor, step, visit));
    EXPECT_EQ(shown, expected) << "by " << step;
    in_step = 0;
    EXPECT_FALSE(store_->Walk(cursor, step, visit));  // the end stays the end
    EXPECT_EQ(in_step, 0u);
  }
}

TEST_F(LogMailStoreTest, DestinationsAreChangedInPlace) {
  Accept(1, 1, "body", 2);
  store_->SetDestination(Id(1), 1, 9);
  store_->SetDestination(Id(2), 0, 9);  // not there (any more)
  EXPECT_EQ(store_->Find(Id(1))->recipients[0].destination, 7u);
  EXPECT_EQ(store_->Find(Id(1))->recipients[1].destination, 9u);
  EXPECT_EQ(store_->Find(Id(1))->flags, kEnvelopeUrgent);
}

TEST_F(LogMailStoreTest, ABodyIsReadAgain) {
  parts_[0].driver->Fragment(Id(1), "one ");
  Accept(0, 1, "two");
  const StoredMessage stored = *store_->Open(Id(1));
  EXPECT_EQ(*stored.body->Next(), "one ");
  ASSERT_TRUE(stored.body->Rewind().ok());
  EXPECT_EQ(ReadAll(*stored.body), "one two");
  ASSERT_TRUE(stored.body->Rewind().ok());
  EXPECT_EQ(ReadAll(*stored.body), "one two");
}

TEST_F(LogMailStoreTest, AReportGoesWhereItsMessageIs) {
  Accept(1, 1);
  Handoff first = Piece(HandoffKind::kFragment, 2, 1);
  Block block;
  block.size = Body(2, 10).copy(block.data, 10);
  first.body = &block;
  ASSERT_TRUE(store_->TryPush(first));
  Turn();
  EXPECT_EQ(Receipt(), HandoffResult::kDurable);
  // An operator deletes the message meanwhile; the rest of the report must find its beginning all the same.
  parts_[1].driver->Outcome(Id(1), EncodeOutcome(0, RecipientState::kDeleted));
  Turn();
  EXPECT_EQ(store_->Find(Id(1)), std::nullopt);
  Handoff last = Piece(HandoffKind::kAccepted, 2, 1);
  const std::string envelope = EncodeEnvelope();
  const std::string outcome = EncodeOutcome(0, RecipientState::kBounced);
  last.head = envelope;
  last.about_outcome = outcome;
  ASSERT_TRUE(store_->TryPush(last));
  Turn();
  EXPECT_EQ(Receipt(), HandoffResult::kDurable);
  EXPECT_EQ(Read(2), Body(2, 10));
  EXPECT_NE(store_->index(1).Find(Id(2)), nullptr);
  EXPECT_EQ(store_->Find(Id(2))->recipients[0].destination, 7u);
}

TEST_F(LogMailStoreTest, WhatIsReportedOnIsNotMovedMeanwhile) {
  Accept(0, 1, "old", 2);
  const uint32_t old = parts_[0].log->oldest_segment();
  const std::string envelope = EncodeEnvelope();
  const std::string outcome = EncodeOutcome(0, RecipientState::kBounced);
  Handoff report = Piece(HandoffKind::kAccepted, 2, 1);
  report.head = envelope;
  report.about_outcome = outcome;
  // It finds no room, so that it is neither there nor given up.
  disk_.FailAt(SimDisk::Operation::kWrite, 1, absl::ResourceExhaustedError("ENOSPC"));
  ASSERT_TRUE(store_->TryPush(report));
  Turn();
  EXPECT_EQ(Receipt(), HandoffResult::kNoRoom);
  Roll(0);
  EXPECT_EQ(store_->index(0).Find(Id(1))->oldest_segment(), old);

  ASSERT_TRUE(store_->TryPush(report));  // once more, and now it is written
  Turn();
  EXPECT_EQ(Receipt(), HandoffResult::kDurable);
  Roll(0);
  EXPECT_GT(store_->index(0).Find(Id(1))->oldest_segment(), old);
  EXPECT_GT(parts_[0].log->oldest_segment(), old);
  EXPECT_EQ(store_->Find(Id(1))->recipients[0].state, RecipientState::kBounced);
  EXPECT_EQ(Read(1), "old");
}

TEST_F(LogMailStoreTest, AReportThatIsGivenUpHoldsNothing) {
  Accept(0, 1, "old");
  const uint32_t old = parts_[0].log->oldest_segment();
  const std::string envelope = EncodeEnvelope();
  Handoff report = Piece(HandoffKind::kAccepted, 2, 1);
  report.head = envelope;
  disk_.FailAt(SimDisk::Operation::kWrite, 1, absl::ResourceExhaustedError("ENOSPC"));
  ASSERT_TRUE(store_->TryPush(report));
  Turn();
  EXPECT_EQ(Receipt(), HandoffResult::kNoRoom);
  Handoff end = Piece(HandoffKind::kAbandoned, 2, 1);
  ASSERT_TRUE(store_->TryPush(end));
  Turn();
  EXPECT_EQ(Receipt(), HandoffResult::kDurable);
  Roll(0);
  EXPECT_GT(parts_[0].log->oldest_segment(), old);
  EXPECT_EQ(Read(1), "old");
}

TEST_F(LogMailStoreTest, WhatCannotBeReadJustNowIsMovedAfterAPause) {
  for (uint64_t i = 1; i <= 3; ++i) Accept(0, i, Body(i, 4500));
  const uint32_t old = parts_[0].log->oldest_segment();
  Moody& directory = *parts_[0].directory;
  directory.sick_name = SegmentName(old);
  directory.sick_offset = store_->index(0).Find(Id(2))->position().offset;
  Roll(0);
  EXPECT_FALSE(parts_[0].writer->full()) << "mail is taken as before";
  EXPECT_EQ(parts_[0].log->oldest_segment(), old);
  EXPECT_EQ(store_->index(0).Find(Id(2))->oldest_segment(), old);

  // As long as it lasts it costs one read a minute, however much mail there is.
  now_ = now_ + std::chrono::minutes(1);
  directory.failure_count = 0;
  Roll(0);
  EXPECT_EQ(directory.failure_count, 1u);
  directory.sick_name.clear();
  Roll(0);
  EXPECT_EQ(store_->index(0).Find(Id(2))->oldest_segment(), old);

  now_ = now_ + std::chrono::minutes(1);
  for (int i = 0; i < 3; ++i) Turn();  // without any more mail: it is moved, read back, and its segment freed
  EXPECT_GT(parts_[0].log->oldest_segment(), old);
  for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(Read(i), Body(i, 4500));
}

}  // namespace
}  // namespace postern
