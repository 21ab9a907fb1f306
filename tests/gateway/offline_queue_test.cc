// The queue in the store itself, on a real disk: what was accepted shows, what is changed stays so, and nobody shares.

#include "gateway/offline_queue.h"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/block_pool.h"
#include "core/envelope.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

class Nobody final : public Wakeable {
 public:
  void Wake() override {}
};

class OfflineQueueTest : public testing::Test {
 protected:
  OfflineQueueTest() : config_(DefaultConfig()) {
    config_.data_dir = testing::TempDir() + "/offline_queue_test";
    config_.store.segment_size = 4 << 20;
    config_.routes = {{.match = "*", .kind = RouteKind::kMx}};
    std::filesystem::remove_all(config_.data_dir);
  }
  ~OfflineQueueTest() override { std::filesystem::remove_all(config_.data_dir); }

  // As a gateway does it: `count` messages into log `log`, durable.
  void Accept(size_t log, int first, int count) {
    const auto setup = StoreSetup::Open(config_, OpenDirectory, clock_, 256);
    ASSERT_TRUE(setup.ok()) << setup.status();
    Nobody nobody;
    ReceiptBox receipts(256, nobody);
    Block body;
    body.size = 5;
    std::string_view("hello").copy(body.data, 5);
    for (int i = first; i < first + count; ++i) {
      EnvelopeWriter envelope;
      EnvelopeHead head;
      head.sender = "sender@client.example";
      envelope.Start(head);
      const std::string address = absl::StrCat("r", i, i % 10 == 9 ? "@near.example" : "@far.example");
      Recipient recipient;
      recipient.address = address;
      envelope.AddRecipient(recipient);
      Handoff handoff;
      handoff.kind = HandoffKind::kAccepted;
      handoff.message = Id(i);
      handoff.head = envelope.bytes();
      handoff.body = &body;
      handoff.home = &receipts;
      ASSERT_TRUE((*setup)->writer(log).TryPush(&handoff));
      (*setup)->writer(log).RunOnce();
      ASSERT_EQ(handoff.result, HandoffResult::kDurable);
      Handoff* home = nullptr;
      ASSERT_TRUE(receipts.queue.TryPop(home));
    }
  }
  static MessageId Id(int i) { return {(uint64_t{1'700'000'000'000'000} + i) << 8}; }

  std::unique_ptr<OfflineQueue> Open() {
    auto queue = OfflineQueue::Open(config_, OpenDirectory, clock_);
    EXPECT_TRUE(queue.ok()) << queue.status();
    return *std::move(queue);
  }
  static std::vector<MessageId> Listed(OfflineQueue& queue) {
    std::vector<MessageId> ids;
    for (std::optional<uint64_t> cursor = 0; cursor.has_value();) {
      const absl::StatusOr<QueuePage> page = queue.List(std::nullopt, *cursor);
      for (const QueueEntryView& entry : page->entries) ids.push_back(entry.id);
      cursor = page->next_cursor;
    }
    return ids;
  }

  Config config_;
  const SystemClock clock_;
};

TEST_F(OfflineQueueTest, WhatWasAcceptedShows) {
  Accept(0, 0, 300);
  const std::unique_ptr<OfflineQueue> queue = Open();
  EXPECT_EQ(Listed(*queue).size(), 300u) << "more than a page";
  const absl::StatusOr<QueueEntryView> entry = queue->Show(Id(7));
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->sender, "sender@client.example");
  EXPECT_EQ(entry->body_size, 5u);
  EXPECT_EQ(entry->recipients.at(0).address, "r7@far.example");
  EXPECT_EQ(entry->recipients.at(0).status.state, RecipientState::kWaiting);
  EXPECT_TRUE(absl::IsNotFound(queue->Show(Id(300)).status()));
}

TEST_F(OfflineQueueTest, WhatIsDeletedStaysSo) {
  Accept(0, 0, 3);
  {
    const std::unique_ptr<OfflineQueue> queue = Open();
    EXPECT_EQ(*queue->Act(QueueAction::kDelete, Id(1)), ActResult::kDone);
    EXPECT_TRUE(absl::IsNotFound(queue->Act(QueueAction::kDelete, Id(1)).status())) << "it is gone at once";
    EXPECT_EQ(Listed(*queue), (std::vector{Id(0), Id(2)}));
  }
  EXPECT_EQ(Listed(*Open()), (std::vector{Id(0), Id(2)})) << "and for good";
}

TEST_F(OfflineQueueTest, ARetryMakesItDueNow) {
  Accept(0, 0, 300);  // more than share a sync
  const WallTime before = clock_.Wall();
  {
    const std::unique_ptr<OfflineQueue> queue = Open();
    EXPECT_EQ(*queue->Act(QueueAction::kRetry, Id(5)), ActResult::kDone);
    EXPECT_EQ(queue->Show(Id(5))->recipients.at(0).text, "to be tried again");
    EXPECT_EQ(queue->Show(Id(6))->recipients.at(0).text, "");
    EXPECT_TRUE(absl::IsNotFound(queue->Act(QueueAction::kRetry, Id(300)).status()));
    EXPECT_EQ(*queue->ActOnAll(QueueAction::kRetry, std::nullopt), ActResult::kDone) << "all is done at once";
  }
  const std::unique_ptr<OfflineQueue> queue = Open();
  for (int i = 0; i < 300; ++i) {
    const QueueRecipientView recipient = queue->Show(Id(i))->recipients.at(0);
    EXPECT_EQ(recipient.text, "to be tried again");
    EXPECT_GE(recipient.status.next_attempt, before);
  }
}

TEST_F(OfflineQueueTest, ADestinationsMessagesAreItsOwn) {
  Accept(0, 0, 30);
  {
    const std::unique_ptr<OfflineQueue> queue = Open();
    EXPECT_EQ(queue->List("near.example", 0)->entries.size(), 3u);
    EXPECT_EQ(*queue->ActOnAll(QueueAction::kHold, "NEAR.example"), ActResult::kDone);
    EXPECT_EQ(*queue->ActOnAll(QueueAction::kHold, "near.example"), ActResult::kUnchanged);
    EXPECT_EQ(*queue->Act(QueueAction::kRelease, Id(0)), ActResult::kUnchanged);
    const absl::Status unknown = queue->ActOnAll(QueueAction::kDelete, "neer.example").status();
    EXPECT_TRUE(absl::IsNotFound(unknown)) << unknown;
    EXPECT_NE(unknown.message().find("there is near.example"), std::string::npos) << unknown;
  }
  const std::unique_ptr<OfflineQueue> queue = Open();
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(queue->Show(Id(i))->recipients.at(0).status.state,
              i % 10 == 9 ? RecipientState::kHeld : RecipientState::kWaiting);
  }
  EXPECT_EQ(*queue->ActOnAll(QueueAction::kDelete, "far.example"), ActResult::kDone);
  EXPECT_EQ(Listed(*queue), (std::vector{Id(9), Id(19), Id(29)}));
}

TEST_F(OfflineQueueTest, DestinationsAreCounted) {
  Accept(0, 0, 30);
  const std::unique_ptr<OfflineQueue> queue = Open();
  EXPECT_EQ(*queue->Act(QueueAction::kHold, Id(0)), ActResult::kDone);
  std::vector<DestinationView> views;
  EXPECT_EQ(*queue->Destinations([&views](const DestinationView& view) { views.push_back(view); }), 30u);
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].name, "far.example");
  EXPECT_EQ(views[0].waiting_count, 26u);
  EXPECT_EQ(views[0].held_count, 1u);
  EXPECT_EQ(views[0].oldest, Id(0).born());
  EXPECT_FALSE(views[0].live.has_value()) << "no gateway runs";
  EXPECT_EQ(views[1].name, "near.example");
}

TEST_F(OfflineQueueTest, ABounceWaitsForTheGatewayToReportIt) {
  Accept(0, 0, 1);
  {
    const std::unique_ptr<OfflineQueue> queue = Open();
    EXPECT_EQ(*queue->Act(QueueAction::kBounce, Id(0)), ActResult::kDone);
    EXPECT_EQ(*queue->Act(QueueAction::kBounce, Id(0)), ActResult::kUnchanged);
  }
  const QueueRecipientView recipient = Open()->Show(Id(0))->recipients.at(0);
  EXPECT_EQ(recipient.status.state, RecipientState::kFailed);
  EXPECT_EQ(recipient.text, "550 5.0.0 returned by the operator");
  EXPECT_EQ(recipient.due, "failure report to the sender");
}

TEST_F(OfflineQueueTest, AnExportIsWhatIsStored) {
  Accept(0, 0, 1);
  const std::unique_ptr<OfflineQueue> queue = Open();
  std::string exported;
  const auto write = [&exported](std::string_view bytes) {
    exported += bytes;
    return absl::OkStatus();
  };
  EXPECT_TRUE(queue->Export(Id(0), write).ok());
  EXPECT_EQ(exported, "hello");
  EXPECT_TRUE(absl::IsNotFound(queue->Export(Id(1), write)));
  EXPECT_TRUE(absl::IsDataLoss(queue->Export(Id(0), [](std::string_view) { return absl::DataLossError("full"); })))
      << "who cannot write is heard";
}

TEST_F(OfflineQueueTest, TheStoreIsNeverShared) {
  const std::unique_ptr<OfflineQueue> queue = Open();
  const absl::Status second = OfflineQueue::Open(config_, OpenDirectory, clock_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  EXPECT_NE(second.message().find(config_.data_dir), std::string::npos) << second;
}

TEST_F(OfflineQueueTest, LogsOfMoreWritersThanThereAreNowAreServed) {
  config_.threads.store_writers = 3;
  Accept(0, 0, 2);
  Accept(2, 2, 2);
  config_.threads.store_writers = 1;
  const std::unique_ptr<OfflineQueue> queue = Open();
  EXPECT_EQ(Listed(*queue).size(), 4u);
  EXPECT_EQ(*queue->Act(QueueAction::kDelete, Id(3)), ActResult::kDone);
  EXPECT_EQ(Listed(*queue), (std::vector{Id(0), Id(1), Id(2)}));
}

TEST_F(OfflineQueueTest, AFolderThatCannotBeMadeIsAnError) {
  config_.data_dir = "/proc/postern";
  const absl::Status status = OfflineQueue::Open(config_, OpenDirectory, clock_).status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("/proc/postern"), std::string::npos) << status;
}

}  // namespace
}  // namespace postern
