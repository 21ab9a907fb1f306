#include "gateway/queue_presentation.h"

#include <optional>
#include <string>
#include <vector>

#include "core/envelope.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/gateway/memory_mail.h"

namespace postern {
namespace {

// Pages of two.
class PagedQueue final : public QueueAccess {
 public:
  absl::StatusOr<size_t> Destinations(absl::FunctionRef<void(const DestinationView&)> visit) override {
    if (!status.ok()) return status;
    for (const DestinationView& destination : destinations) visit(destination);
    return mail.mails.size();
  }
  absl::StatusOr<QueuePage> List(const std::optional<std::string>& destination, uint64_t cursor) override {
    if (!status.ok()) return status;
    const std::optional<uint32_t> only = destination.has_value() ? mail.book.FindName(*destination) : std::nullopt;
    return ListQueue(mail, mail.book, only, cursor,
                     {.entry_count_max = 2, .recipient_count_max = 1000, .place_count_max = 2});
  }
  absl::StatusOr<QueueEntryView> Show(MessageId message) override { return *ShowQueued(mail, mail.book, message); }
  absl::Status Export(MessageId, absl::FunctionRef<absl::Status(std::string_view)>) override { return status; }
  absl::StatusOr<ActResult> Act(QueueAction, MessageId) override { return ActResult::kDone; }
  absl::StatusOr<ActResult> ActOnAll(QueueAction, const std::optional<std::string>&) override {
    return ActResult::kDone;
  }

  MemoryMail mail;
  std::vector<DestinationView> destinations;
  absl::Status status;
};

constexpr WallTime kNow{1'700'000'000'000'000};

class QueuePresentationTest : public testing::Test {
 protected:
  std::string Printed(bool json, const std::optional<std::string>& destination = std::nullopt) {
    std::string out;
    const absl::Status status =
        PrintMessages(queue_, destination, json, kNow, [&out](std::string_view text) { out += text; });
    EXPECT_EQ(status, queue_.status);
    return out;
  }
  std::string PrintedDestinations(bool json) {
    std::string out;
    const absl::Status status = PrintDestinations(queue_, json, kNow, [&out](std::string_view text) { out += text; });
    EXPECT_EQ(status, queue_.status);
    return out;
  }

  PagedQueue queue_;
};

TEST_F(QueuePresentationTest, AnEmptyQueue) {
  EXPECT_EQ(Printed(false), "The queue is empty.\n");
  EXPECT_EQ(Printed(true), "{\"messages\":[]}\n");
  EXPECT_EQ(PrintedDestinations(false), "The queue is empty.\n");
  EXPECT_EQ(PrintedDestinations(true), "{\"destinations\":[],\"count\":0}\n");
}

TEST_F(QueuePresentationTest, ALineForEachDestination) {
  queue_.mail.Add(1'700'000'000, {"a@far.example"});
  queue_.destinations = {
      {.name = "far.example",
       .deferred_count = 1'000'000,
       .oldest = {kNow.us - 3 * 86'400'000'000},
       .live = LiveView{.active_count = 1, .down = true, .probe_at = {kNow.us + 840'000'000}},
       .last_error = "connection refused\n"},
      {.name = "a-rather-long-name-of-a.near.example",
       .waiting_count = 12,
       .held_count = 3,
       .report_due_count = 1,
       .oldest = {kNow.us - 5'000'000},
       .live = LiveView{.active_count = 10}},
      {.name = "*", .waiting_count = 1, .oldest = kNow, .last_error = "451 4.2.1 later"},
  };
  EXPECT_EQ(
      PrintedDestinations(false),
      "DESTINATION                WAITING  ACTIVE  DEFERRED    HELD  REPORT  OLDEST  STATE               LAST ERROR\n"
      "far.example                      0       1   1000000       0       0      3d  down, tried in 14m  "
      "connection refused\\n\n"
      "a-rather-long-name-of-a.near.example        12      10         0       3       1      5s  up\n"
      "*                                1       -         0       0       0      0s  -                   "
      "451 4.2.1 later\n"
      "1 message, 3 destinations\n");
  const nlohmann::json json = nlohmann::json::parse(PrintedDestinations(true));
  EXPECT_EQ(json["count"], 1);
  ASSERT_EQ(json["destinations"].size(), 3u);
  EXPECT_EQ(json["destinations"][0], nlohmann::json::parse(R"({
    "name": "far.example", "waiting": 0, "active": 1, "deferred": 1000000, "held": 0, "report_due": 0,
    "oldest": "2023-11-11T22:13:20Z", "state": "down", "probe_at": "2023-11-14T22:27:20Z",
    "last_error": "connection refused\n"})"));
  EXPECT_EQ(json["destinations"][2], nlohmann::json::parse(R"({
    "name": "*", "waiting": 1, "active": null, "deferred": 0, "held": 0, "report_due": 0,
    "oldest": "2023-11-14T22:13:20Z", "state": null, "probe_at": null, "last_error": "451 4.2.1 later"})"));
}

TEST_F(QueuePresentationTest, TheMessagesOfADestination) {
  for (int i = 0; i < 10; ++i) queue_.mail.Add(1'699'999'000 + i, {"b@near.example"});
  queue_.mail.Add(1'700'000'000, {"a@far.example"});
  EXPECT_EQ(Printed(false, "far.example"),
            "ID              AGE       SIZE  SENDER\n"
            "0C2H430F40000    0s     1.2KiB  sender@client.example\n"
            "    waiting    a@far.example\n"
            "1 message\n")
      << "although the first pages have none";
  queue_.mail.mails.clear();
  EXPECT_EQ(Printed(false, "far.example"), "Nothing waits there.\n");
}

TEST_F(QueuePresentationTest, AllThatIsKnownOfAMessage) {
  const MessageId id =
      queue_.mail.Add(1'700'000'000 - 3 * 3600, {"a@far.example", "b@far.example", "c@near.example", "d@near.example"});
  MailState& state = queue_.mail.mails[id].state;
  state.flags = kEnvelopeUrgent | kEnvelopeReport;
  state.recipients[0].state = RecipientState::kWaiting;
  state.recipients[1].state = RecipientState::kDelivered;
  state.recipients[2].attempt_count = 2;
  state.recipients[2].state = RecipientState::kDelayed;
  state.recipients[2].next_attempt = {kNow.us + 840'000'000};
  state.recipients[3].attempt_count = 1;
  state.recipients[3].state = RecipientState::kFailed;
  queue_.mail.mails[id].text = "451 4.2.1 later";
  EXPECT_EQ(EntryText(*queue_.Show(id), kNow),
            "id        0C2H1JHHN8000\n"
            "received  2023-11-14T19:13:20Z, 3h ago, from 192.0.2.1\n"
            "size      1234 bytes\n"
            "sender    sender@client.example\n"
            "priority  urgent\n"
            "kind      a report of this gateway\n"
            "for       far.example\n"
            "    waiting    a@far.example: 451 4.2.1 later\n"
            "    delivered  b@far.example: 451 4.2.1 later\n"
            "for       near.example\n"
            "    delayed    c@near.example (2 tries, next in 14m): 451 4.2.1 later\n"
            "    failed     d@near.example (1 try, due: failure report to the sender): 451 4.2.1 later\n");
}

TEST_F(QueuePresentationTest, WhatBecameOfAWish) {
  const std::string far = "far.example";
  EXPECT_EQ(ResultText(QueueAction::kDelete, ActResult::kDone, "0C2H430F40000"), "0C2H430F40000: deleted\n");
  EXPECT_EQ(ResultText(QueueAction::kBounce, ActResult::kDone, far),
            "far.example: given up; its report is made within a minute, or when a gateway runs\n");
  EXPECT_EQ(ResultText(QueueAction::kHold, ActResult::kBegun, std::nullopt),
            "all messages: the gateway has begun; `postern queue list` shows how far it is\n");
  EXPECT_EQ(ResultText(QueueAction::kRelease, ActResult::kUnchanged, far), "far.example: nothing is held\n");
  EXPECT_EQ(ResultJson(ActResult::kDone, far), "{\"target\":\"far.example\",\"done\":true}\n");
  EXPECT_EQ(ResultJson(ActResult::kBegun, std::nullopt), "{\"target\":null,\"begun\":true}\n");
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
            "    failed     c@far.example (1 try, due: to the dead letters): 451 4.2.1 later\n"
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
  QueuedRecipient& recipient = queue_.mail.mails[id].state.recipients[0];
  recipient.next_attempt = {kNow.us + 900'000'000};
  recipient.attempt_count = 1;
  recipient.state = RecipientState::kDeferred;
  queue_.mail.mails[id].text = "451 4.2.1 \"later\"";
  const nlohmann::json json = nlohmann::json::parse(Printed(true));
  ASSERT_EQ(json["messages"].size(), 3u);
  EXPECT_EQ(json["messages"][0], nlohmann::json::parse(EntryJson(*queue_.Show(id)))) << "list and show say the same";
  EXPECT_EQ(json["messages"][0], nlohmann::json::parse(R"({
    "id": "0C2H430F40000", "received": "2023-11-14T22:13:20Z", "size": 1234, "sender": "sender@client.example",
    "peer": "192.0.2.1", "priority": "normal", "report": false,
    "recipients": [{"address": "a@far.example", "destination": "far.example", "state": "deferred", "attempts": 1,
                    "next_attempt": "2023-11-14T22:28:20Z", "text": "451 4.2.1 \"later\"", "due": null}]})"));
}

TEST_F(QueuePresentationTest, AFailureIsNoEmptyQueue) {
  queue_.status = absl::UnavailableError("gone");
  EXPECT_EQ(Printed(false), "");
  EXPECT_EQ(Printed(true), "");
  EXPECT_EQ(PrintedDestinations(false), "");
  EXPECT_EQ(PrintedDestinations(true), "");
}

}  // namespace
}  // namespace postern
