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
      const std::string address = absl::StrCat("r", i, "@far.example");
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
      const absl::StatusOr<QueuePage> page = queue.List(*cursor);
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
    EXPECT_TRUE(queue->Delete(Id(1)).ok());
    EXPECT_TRUE(absl::IsNotFound(queue->Delete(Id(1)))) << "it is gone at once";
    EXPECT_EQ(Listed(*queue), (std::vector{Id(0), Id(2)}));
  }
  EXPECT_EQ(Listed(*Open()), (std::vector{Id(0), Id(2)})) << "and for good";
}

TEST_F(OfflineQueueTest, ARetryMakesItDueNow) {
  Accept(0, 0, 300);  // more than share a sync
  const WallTime before = clock_.Wall();
  {
    const std::unique_ptr<OfflineQueue> queue = Open();
    EXPECT_TRUE(queue->Retry(Id(5)).ok());
    EXPECT_EQ(queue->Show(Id(5))->recipients.at(0).text, "to be tried again");
    EXPECT_EQ(queue->Show(Id(6))->recipients.at(0).text, "");
    EXPECT_TRUE(absl::IsNotFound(queue->Retry(Id(300))));
    EXPECT_TRUE(queue->RetryAll().ok());
  }
  const std::unique_ptr<OfflineQueue> queue = Open();
  for (int i = 0; i < 300; ++i) {
    const QueueRecipientView recipient = queue->Show(Id(i))->recipients.at(0);
    EXPECT_EQ(recipient.text, "to be tried again");
    EXPECT_GE(recipient.status.next_attempt, before);
  }
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
  EXPECT_TRUE(queue->Delete(Id(3)).ok());
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
