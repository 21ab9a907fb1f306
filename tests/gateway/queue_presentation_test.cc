#include "gateway/queue_presentation.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/gateway/memory_mail.h"

namespace postern {
namespace {

// Pages of two.
class PagedQueue final : public QueueAccess {
 public:
  absl::StatusOr<QueuePage> List(uint64_t cursor) override {
    if (!status.ok()) return status;
    return ListQueue(mail, cursor, 2);
  }
  absl::StatusOr<QueueEntryView> Show(MessageId message) override { return *ShowQueued(mail, message); }
  absl::Status Retry(MessageId) override { return absl::OkStatus(); }
  absl::Status RetryAll() override { return absl::OkStatus(); }
  absl::Status Delete(MessageId) override { return absl::OkStatus(); }

  MemoryMail mail;
  absl::Status status;
};

constexpr WallTime kNow{1'700'000'000'000'000};

class QueuePresentationTest : public testing::Test {
 protected:
  std::string Printed(bool json) {
    std::string out;
    const absl::Status status = PrintQueue(queue_, json, kNow, [&out](std::string_view text) { out += text; });
    EXPECT_EQ(status, queue_.status);
    return out;
  }

  PagedQueue queue_;
};

TEST_F(QueuePresentationTest, AnEmptyQueue) {
  EXPECT_EQ(Printed(false), "The queue is empty.\n");
  EXPECT_EQ(Printed(true), "{\"messages\":[]}\n");
}

TEST_F(QueuePresentationTest, ATableOfAllPages) {
  queue_.mail.Add(1'700'000'000 - 47, {"a@far.example"});
  const MessageId tried = queue_.mail.Add(1'700'000'000 - 3 * 3600, {"b@far.example", "c@far.example"}, "");
  queue_.mail.mails[tried].state.recipients[0] = {
      .next_attempt = {kNow.us + 840'000'000}, .attempt_count = 2, .state = RecipientState::kDeferred};
  queue_.mail.mails[tried].state.recipients[1] = {.attempt_count = 1, .state = RecipientState::kFailed};
  queue_.mail.mails[tried].text = "451 4.2.1 later";
  queue_.mail.mails[tried].state.body_size = 3 << 20;
  queue_.mail.Add(1'700'000'000 - 6 * 86'400, {"d@far.example"});
  EXPECT_EQ(Printed(false),
            "ID              AGE       SIZE  SENDER\n"
            "0C2DBCM900000    6d     1.2KiB  sender@client.example\n"
            "    waiting    d@far.example\n"
            "0C2H1JHHN8000    3h     3.0MiB  <>\n"
            "    deferred   b@far.example (2 tries, next in 14m): 451 4.2.1 later\n"
            "    failed     c@far.example (1 try): 451 4.2.1 later\n"
            "0C2H42N8HCG00   47s     1.2KiB  sender@client.example\n"
            "    waiting    a@far.example\n"
            "3 messages\n");
}

TEST_F(QueuePresentationTest, ManyRecipientsAreCutInTheTableOnly) {
  const MessageId id = queue_.mail.Add(1'700'000'000, std::vector<std::string>(500, "a@far.example"));
  const std::string table = Printed(false);
  EXPECT_NE(table.find("    and 490 more: postern queue show "), std::string::npos) << table;
  const std::string shown = EntryText(*queue_.Show(id), kNow);
  EXPECT_EQ(shown.find("more"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(Printed(true))["messages"][0]["recipients"].size(), 500u);
}

TEST_F(QueuePresentationTest, WhatPeersSayIsShownAndDoesNothing) {
  const MessageId id = queue_.mail.Add(1'700'000'000, {"\"\x1b[2J\"@far.example"}, "%s%n@x.example");
  queue_.mail.mails[id].text = "550 \x1b]0;title\x07 \xFF\n0C2H42N8HCG00 forged";
  for (const std::string& text : {Printed(false), EntryText(*queue_.Show(id), kNow)}) {
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\x07'), std::string::npos);
    EXPECT_NE(text.find("%s%n@x.example"), std::string::npos);
    EXPECT_EQ(text.find("\n0C2H42N8HCG00 forged"), std::string::npos) << "no line of its own";
  }
}

TEST_F(QueuePresentationTest, JsonHasWhatProgramsAskFor) {
  const MessageId id = queue_.mail.Add(1'700'000'000, {"a@far.example"});
  queue_.mail.Add(1'700'000'001, {"b@far.example"});
  queue_.mail.Add(1'700'000'002, {"c@far.example"});
  queue_.mail.mails[id].state.recipients[0] = {
      .next_attempt = {kNow.us + 900'000'000}, .attempt_count = 1, .state = RecipientState::kDeferred};
  queue_.mail.mails[id].text = "451 4.2.1 \"later\"";
  const nlohmann::json json = nlohmann::json::parse(Printed(true));
  ASSERT_EQ(json["messages"].size(), 3u);
  EXPECT_EQ(json["messages"][0], nlohmann::json::parse(EntryJson(*queue_.Show(id)))) << "list and show say the same";
  EXPECT_EQ(json["messages"][0], nlohmann::json::parse(R"({
    "id": "0C2H430F40000", "received": "2023-11-14T22:13:20Z", "size": 1234, "sender": "sender@client.example",
    "peer": "192.0.2.1",
    "recipients": [{"address": "a@far.example", "state": "deferred", "attempts": 1,
                    "next_attempt": "2023-11-14T22:28:20Z", "text": "451 4.2.1 \"later\""}]})"));
}

TEST_F(QueuePresentationTest, AFailureIsNoEmptyQueue) {
  queue_.status = absl::UnavailableError("gone");
  EXPECT_EQ(Printed(false), "");
  EXPECT_EQ(Printed(true), "");
}

}  // namespace
}  // namespace postern
