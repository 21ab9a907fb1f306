// What waits for which destination, and how long it takes to count a million.

#include "relay/queue_tally.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

// A queue of whatever the test puts into it; there are no envelopes to be read.
class CountedMail final : public MailStore {
 public:
  struct Mail {
    MessageId id;
    std::vector<QueuedRecipient> recipients;
  };

  bool Fold(FoldListener&, size_t) override { return false; }
  std::optional<MailState> Find(MessageId) override { return std::nullopt; }
  bool Walk(uint64_t& cursor, size_t count_max, absl::FunctionRef<void(const MailView&)> visit) override {
    const size_t end = std::min<size_t>(mails.size(), cursor + count_max);
    for (; cursor < end; ++cursor) visit({.id = mails[cursor].id, .recipients = mails[cursor].recipients});
    return cursor < mails.size();
  }
  void SetDestination(MessageId, uint32_t, uint32_t) override {}
  size_t message_count() const override { return mails.size(); }
  absl::StatusOr<StoredMessage> Open(MessageId) override {
    ADD_FAILURE() << "no envelope is to be read";
    return absl::NotFoundError("");
  }
  std::string LastText(MessageId message, uint32_t recipient) override {
    return absl::StrCat("451 of ", message.number, " ", recipient);
  }
  bool TryPush(Handoff&) override { return false; }

  std::vector<Mail> mails;
};

class QueueTallyTest : public testing::Test {
 protected:
  QueueTallyTest() {
    Route route;
    route.kind = RouteKind::kMx;
    routes_ = *RouteTable::Create({route});
  }

  MessageId Add(const std::vector<std::pair<std::string, RecipientState>>& recipients, int64_t next_attempt = 0) {
    CountedMail::Mail& mail = store_.mails.emplace_back();
    mail.id = MessageId{(1'000'000 + store_.mails.size()) << 8};
    for (const auto& [domain, state] : recipients) {
      mail.recipients.push_back({.next_attempt = {next_attempt},
                                 .attempt_count = 1,
                                 .state = state,
                                 .destination = book_.Find("a@" + domain)});
    }
    return mail.id;
  }
  std::vector<DestinationView> Tallied(std::optional<std::vector<DestinationStatus>> statuses = std::nullopt,
                                       size_t step = 2) {
    QueueTally tally(store_, book_);
    while (tally.Step(step)) {
    }
    tally.Rank(std::move(statuses));
    std::vector<DestinationView> views;
    while (std::optional<DestinationView> view = tally.Next()) views.push_back(*std::move(view));
    return views;
  }

  RouteTable routes_;
  DestinationBook book_{routes_, "host.example"};
  CountedMail store_;
};

using enum RecipientState;

TEST_F(QueueTallyTest, AnEmptyQueueHasNoLines) {
  book_.Find("a@far.example");
  EXPECT_TRUE(Tallied().empty());
}

TEST_F(QueueTallyTest, CountsByDestinationAndState) {
  const MessageId first = Add({{"far.example", kWaiting}});
  Add({{"near.example", kHeld}});
  Add({{"near.example", kHeldDelayed}});
  Add({{"far.example", kDeferred}});
  Add({{"far.example", kDelayed}});
  Add({{"far.example", kFailed}});
  Add({{"far.example", kArrived}});
  const std::vector<DestinationView> views = Tallied();
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].name, "far.example") << "the most messages first";
  EXPECT_EQ(views[0].waiting_count, 1u);
  EXPECT_EQ(views[0].deferred_count, 2u);
  EXPECT_EQ(views[0].held_count, 0u);
  EXPECT_EQ(views[0].report_due_count, 2u);
  EXPECT_EQ(views[0].oldest, first.born());
  EXPECT_FALSE(views[0].live.has_value());
  EXPECT_EQ(views[1].held_count, 2u);
}

TEST_F(QueueTallyTest, AMessageCountsOnceForAState) {
  Add({{"far.example", kWaiting},
       {"near.example", kDeferred},
       {"far.example", kWaiting},
       {"far.example", kDelivered},
       {"far.example", kDeferred}});
  const std::vector<DestinationView> views = Tallied();
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].waiting_count, 1u);
  EXPECT_EQ(views[0].deferred_count, 1u);
  EXPECT_EQ(views[1].deferred_count, 1u);
}

TEST_F(QueueTallyTest, WhatIsSettledIsNotInTheQueue) {
  Add({{"far.example", kDelivered}, {"far.example", kBounced}, {"far.example", kDeleted}, {"near.example", kWaiting}});
  ASSERT_EQ(Tallied().size(), 1u);
  EXPECT_EQ(Tallied()[0].name, "near.example");
}

TEST_F(QueueTallyTest, TheLastErrorIsThatOfTheLatestAttempt) {
  Add({{"far.example", kDeferred}}, 100);
  const MessageId latest = Add({{"near.example", kWaiting}, {"far.example", kDeferred}}, 900);
  Add({{"far.example", kDeferred}}, 500);
  const std::vector<DestinationView> views = Tallied();
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].last_error, absl::StrCat("451 of ", latest.number, " 1"));
  EXPECT_EQ(views[1].last_error, "") << "never tried";
}

TEST_F(QueueTallyTest, ARunningGatewayKnowsMore) {
  Add({{"far.example", kWaiting}});
  Add({{"far.example", kWaiting}});
  Add({{"near.example", kDeferred}});
  const uint32_t elsewhere = book_.Find("a@elsewhere.example");
  const uint32_t far = book_.Find("a@far.example");
  const std::vector<DestinationView> views = Tallied(std::vector<DestinationStatus>{
      {.destination = elsewhere, .active_count = 9},
      {.destination = far, .active_count = 3, .down = true, .probe_at = {77}, .last_error = "refused"}});
  ASSERT_EQ(views.size(), 2u);
  ASSERT_TRUE(views[0].live.has_value());
  EXPECT_EQ(views[0].live->active_count, 3u);
  EXPECT_TRUE(views[0].live->down);
  EXPECT_EQ(views[0].live->probe_at.us, 77);
  EXPECT_EQ(views[0].last_error, "refused");
  ASSERT_TRUE(views[1].live.has_value());
  EXPECT_EQ(views[1].live->active_count, 0u);
  EXPECT_FALSE(views[1].live->down);
  EXPECT_EQ(views[1].last_error.substr(0, 6), "451 of") << "what the gateway does not know, the log does";
}

TEST_F(QueueTallyTest, ADestinationMayGoBetweenTwoSteps) {
  Add({{"far.example", kWaiting}});
  Add({{"near.example", kWaiting}});
  QueueTally tally(store_, book_);
  while (tally.Step(1)) {
  }
  tally.Rank(std::nullopt);
  book_.Remove(book_.Find("a@far.example"));
  EXPECT_EQ(tally.Next()->name, "near.example");
  EXPECT_FALSE(tally.Next().has_value());
}

// The promise to operators is a second; this leaves most of it to the way there and back.
TEST_F(QueueTallyTest, AMillionMessagesTakeAFractionOfASecond) {
  constexpr uint32_t kMessageCount = 1'000'000;
  constexpr uint32_t kDestinationCount = 10'000;
  std::vector<uint32_t> destinations;
  for (uint32_t i = 0; i < kDestinationCount; ++i)
    destinations.push_back(book_.Find(absl::StrCat("a@d", i, ".example")));
  store_.mails.reserve(kMessageCount);
  for (uint32_t i = 0; i < kMessageCount; ++i) {
    store_.mails.push_back({.id = MessageId{uint64_t{i} + 1},
                            .recipients = {{.state = kDeferred, .destination = destinations[i % kDestinationCount]}}});
  }
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<DestinationView> views = Tallied(std::nullopt, 4096);
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_EQ(views.size(), kDestinationCount);
  size_t count = 0;
  for (const DestinationView& view : views) count += view.deferred_count;
  EXPECT_EQ(count, kMessageCount);
  EXPECT_LT(took, std::chrono::milliseconds(500));
  RecordProperty("milliseconds", static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

}  // namespace
}  // namespace postern
