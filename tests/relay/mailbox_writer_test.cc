#include "relay/mailbox_writer.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

class Nobody final : public Wakeable {
 public:
  void Wake() override { ++count; }
  int count = 0;
};

class TextBody final : public MessageBody {
 public:
  TextBody(std::string text, bool broken) : text_(std::move(text)), broken_(broken) {}
  absl::StatusOr<std::string_view> Next() override {
    if (offset_ >= text_.size()) {
      if (broken_) return absl::DataLossError("the record is damaged");
      return std::string_view();
    }
    const std::string_view piece = std::string_view(text_).substr(offset_, 7);
    offset_ += piece.size();
    return piece;
  }
  absl::Status Rewind() override { return absl::UnimplementedError("a mailbox is written once"); }

 private:
  const std::string text_;
  const bool broken_;
  size_t offset_ = 0;
};

class MailboxWriterTest : public testing::Test {
 protected:
  MailboxWriterTest()
      : root_(absl::StrCat(std::getenv("TEST_TMPDIR"), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name())),
        writer_(
            {.hostname = "mx", .delivered_to = true},
            [this](const std::string& path) -> absl::StatusOr<std::unique_ptr<Directory>> {
              if (path == broken_path_) return absl::ResourceExhaustedError("no space left");
              return OpenDirectory(path);
            },
            4, relay_) {}

  std::unique_ptr<MailboxJob> Job(uint64_t number, std::vector<std::string> boxes, bool broken = false) {
    auto job = std::make_unique<MailboxJob>();
    job->message = {number << 8};
    job->sender = "a@sender.example";
    job->body = std::make_unique<TextBody>("Subject: hi\r\n\r\nhello world\r\n", broken);
    for (const std::string& box : boxes) {
      job->deliveries.push_back({.recipient_index = static_cast<uint32_t>(job->deliveries.size()),
                                 .path = absl::StrCat(root_, "/", box),
                                 .address = box + "@local.example"});
    }
    return job;
  }

  std::vector<std::string> Contents(const std::string& box) {
    std::vector<std::string> contents;
    auto folder = OpenDirectory(absl::StrCat(root_, "/", box, "/new"));
    const std::vector<std::string> names = *(*folder)->List();
    for (const std::string& name : names) {
      auto file = (*folder)->OpenForRead(name);
      std::string bytes(*(*file)->Size(), '\0');
      EXPECT_TRUE((*file)->ReadAt(bytes, 0).ok());
      contents.push_back(bytes);
    }
    return contents;
  }

  const std::string root_;
  std::string broken_path_;
  Nobody relay_;
  MailboxWriter writer_;
};

TEST_F(MailboxWriterTest, DeliversABatchAndTellsOnce) {
  for (uint64_t i = 1; i <= 3; ++i) {
    std::unique_ptr<MailboxJob> job = Job(i, {"x", "y"});
    ASSERT_TRUE(writer_.TryPush(job));
  }
  EXPECT_EQ(writer_.RunOnce(), 3u);
  EXPECT_EQ(relay_.count, 1);
  for (int i = 0; i < 3; ++i) {
    const std::unique_ptr<MailboxJob> done = writer_.TryTakeDone();
    ASSERT_NE(done, nullptr);
    EXPECT_TRUE(done->deliveries[0].result.ok());
    EXPECT_TRUE(done->deliveries[1].result.ok());
  }
  EXPECT_EQ(writer_.TryTakeDone(), nullptr);
  ASSERT_EQ(Contents("x").size(), 3u);
  EXPECT_EQ(Contents("y")[0],
            "Return-Path: <a@sender.example>\r\nDelivered-To: y@local.example\r\n"
            "Subject: hi\r\n\r\nhello world\r\n");
}

TEST_F(MailboxWriterTest, ABrokenMailboxSpoilsItsOwnDeliveriesOnly) {
  broken_path_ = root_ + "/full";
  std::unique_ptr<MailboxJob> job = Job(1, {"good", "full"});
  ASSERT_TRUE(writer_.TryPush(job));
  job = Job(2, {"full"});
  ASSERT_TRUE(writer_.TryPush(job));
  writer_.RunOnce();
  const std::unique_ptr<MailboxJob> first = writer_.TryTakeDone();
  EXPECT_TRUE(first->deliveries[0].result.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(first->deliveries[1].result));
  EXPECT_TRUE(absl::IsResourceExhausted(writer_.TryTakeDone()->deliveries[0].result));
  EXPECT_EQ(Contents("good").size(), 1u);

  broken_path_.clear();  // mended
  job = Job(2, {"full"});
  ASSERT_TRUE(writer_.TryPush(job));
  writer_.RunOnce();
  EXPECT_TRUE(writer_.TryTakeDone()->deliveries[0].result.ok());
  EXPECT_EQ(Contents("full").size(), 1u);
}

TEST_F(MailboxWriterTest, AMessageThatCannotBeReadIsNeverSeen) {
  std::unique_ptr<MailboxJob> job = Job(1, {"x"}, true);
  ASSERT_TRUE(writer_.TryPush(job));
  writer_.RunOnce();
  EXPECT_TRUE(absl::IsDataLoss(writer_.TryTakeDone()->deliveries[0].result));
  EXPECT_TRUE(Contents("x").empty());
  EXPECT_TRUE((*OpenDirectory(root_ + "/x/tmp"))->List()->empty());
}

TEST_F(MailboxWriterTest, ASecondDeliveryOfTheSameIsNoDuplicate) {
  for (int i = 0; i < 2; ++i) {
    std::unique_ptr<MailboxJob> job = Job(1, {"x"});
    ASSERT_TRUE(writer_.TryPush(job));
    writer_.RunOnce();
    EXPECT_TRUE(writer_.TryTakeDone()->deliveries[0].result.ok());
  }
  EXPECT_EQ(Contents("x").size(), 1u);
}

TEST_F(MailboxWriterTest, TakesNoMoreThanWasSaid) {
  for (uint64_t i = 1; i <= 4; ++i) {
    std::unique_ptr<MailboxJob> job = Job(i, {"x"});
    ASSERT_TRUE(writer_.TryPush(job));
  }
  std::unique_ptr<MailboxJob> job = Job(5, {"x"});
  EXPECT_FALSE(writer_.TryPush(job));
  EXPECT_NE(job, nullptr);
  writer_.RunOnce();
  EXPECT_FALSE(writer_.TryPush(job));  // those that are done are away too
  EXPECT_NE(writer_.TryTakeDone(), nullptr);
  EXPECT_TRUE(writer_.TryPush(job));
}

}  // namespace
}  // namespace postern
