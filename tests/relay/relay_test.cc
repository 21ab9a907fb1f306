// The relay with a simulated clock, mail in memory and a courier that answers as the test says; mailboxes are real
// folders.

#include "relay/relay.h"

#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "relay/queue_view.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class SimClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return {wall.us * 1000}; }
  WallTime Wall() const override { return wall; }
  WallTime wall{1'700'000'000'000'000};
};

class Nobody final : public Wakeable {
 public:
  void Wake() override {}
};

class TextBody final : public MessageBody {
 public:
  absl::StatusOr<std::string_view> Next() override { return std::exchange(rest_, ""); }

 private:
  std::string_view rest_ = "Subject: hi\r\n\r\nhello\r\n";
};

// Outcomes become durable, and show, when the test says so.
class MemoryStore final : public MailStore {
 public:
  void Accept(MessageId id, std::vector<std::string> recipients) {
    EnvelopeWriter writer;
    EnvelopeHead head;
    head.sender = "a@sender.example";
    writer.Start(head);
    for (const std::string& address : recipients) {
      Recipient recipient;
      recipient.address = address;
      writer.AddRecipient(recipient);
    }
    Mail& mail = mails[id];
    mail.envelope = writer.bytes();
    mail.state.id = id;
    mail.state.recipients.resize(recipients.size());
    mail.texts.resize(recipients.size());
    unfolded_.push_back(id);
  }
  void Commit(HandoffResult result = HandoffResult::kDurable) {
    for (Handoff* handoff : std::exchange(pushed, {})) {
      if (result == HandoffResult::kDurable) Apply(*handoff);
      handoff->result = result;
      CHECK(handoff->home->queue.TryPush(handoff));
    }
  }

  bool Fold(FoldListener& listener, size_t) override {
    for (const MessageId id : std::exchange(unfolded_, {})) listener.HandleAccepted(id, mails[id].envelope);
    return false;
  }
  std::optional<MailState> Find(MessageId message) override {
    const auto mail = mails.find(message);
    if (mail == mails.end()) return std::nullopt;
    return mail->second.state;
  }
  std::optional<MessageId> Next(uint64_t& cursor) override {
    if (cursor >= mails.size()) return std::nullopt;
    return std::next(mails.begin(), static_cast<int64_t>(cursor++))->first;
  }
  size_t message_count() const override { return mails.size(); }
  absl::StatusOr<StoredMessage> Open(MessageId message) override {
    if (unreadable) return absl::DataLossError("the record is damaged");
    return StoredMessage{mails[message].envelope, 22, std::make_unique<TextBody>()};
  }
  std::string LastText(MessageId message, uint32_t recipient) override { return mails[message].texts[recipient]; }
  bool TryPush(Handoff& handoff) override {
    if (full) return false;
    handoff.result = HandoffResult::kPending;
    pushed.push_back(&handoff);
    return true;
  }

  struct Mail {
    std::string envelope;
    MailState state;
    std::vector<std::string> texts;
  };
  std::map<MessageId, Mail> mails;
  bool stuck() const override { return unreadable_log; }
  std::vector<Handoff*> pushed;
  bool unreadable_log = false;
  bool full = false;
  bool unreadable = false;

 private:
  void Apply(const Handoff& handoff) {
    Mail& mail = mails[handoff.message];
    OutcomeReader reader(handoff.head);
    RecipientOutcome outcome;
    while (reader.Next(outcome)) {
      QueuedRecipient& recipient = mail.state.recipients[outcome.recipient];
      EXPECT_FALSE(Settled(recipient.state)) << "settled twice";
      recipient = {
          .next_attempt = outcome.next_attempt, .attempt_count = outcome.attempt_count, .state = outcome.state};
      mail.texts[outcome.recipient] = outcome.reply;
    }
    for (const QueuedRecipient& recipient : mail.state.recipients) {
      if (!Settled(recipient.state)) return;
    }
    mails.erase(handoff.message);
  }
  std::vector<MessageId> unfolded_;
};

class ScriptedCourier final : public Courier {
 public:
  void Start(Attempt& attempt, const Route&, AttemptListener& listener) override {
    listener_ = &listener;
    started.push_back(&attempt);
  }
  void StopKeeping() override {}
  void Abort() override {
    while (!started.empty()) Answer(Fate::kDeferred, 0, Scheduler::Finish::kNeither);
  }
  // For the oldest attempt.
  void Answer(Fate fate, uint16_t code, Scheduler::Finish finish = Scheduler::Finish::kAnswered) {
    Attempt& attempt = *started.front();
    started.pop_front();
    RecipientResult result;
    result.fate = fate;
    result.reply.code = code;
    result.reply.text = "said the peer";
    attempt.results.assign(attempt.indices.size(), result);
    listener_->HandleAttemptDone(attempt, finish);
  }
  std::deque<Attempt*> started;

 private:
  AttemptListener* listener_ = nullptr;
};

class RelayTest : public testing::Test, public DeliveryListener {
 protected:
  RelayTest()
      : path_(absl::StrCat(std::getenv("TEST_TMPDIR"), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name())),
        mailboxes_(
            {.hostname = "mx"},
            [this](const std::string& path) -> absl::StatusOr<std::unique_ptr<Directory>> {
              if (mailbox_broken) return absl::PermissionDeniedError("open: permission denied");
              return OpenDirectory(path);
            },
            64, nobody_) {
    Route local;
    local.match = "local.example";
    local.maildir = path_ + "/{domain}/{local}";
    Route away;
    away.match = "away.example";
    away.kind = RouteKind::kNextHop;
    away.next_hops = {{"127.0.0.1", 25}};
    routes_ = *RouteTable::Create({local, away});
    RelayOptions options;
    options.hostname = "local.example";
    relay_ = *Relay::Create(options, routes_, store_, courier_, mailboxes_, *this, clock_, nobody_);
  }
  void HandleDelivery(const DeliveryEvent& event) override { events_.push_back(event.kind); }

  MessageId Accept(std::vector<std::string> recipients) {
    const MessageId id{static_cast<uint64_t>(clock_.wall.us + ++count_) << 8};
    store_.Accept(id, std::move(recipients));
    return id;
  }
  // Everything that can happen without the courier, and the time standing still.
  void Settle() {
    for (int i = 0; i < 10; ++i) {
      relay_->Turn();
      mailboxes_.RunOnce();
      store_.Commit();
    }
  }
  void Pass(Duration time) {
    clock_.wall = clock_.wall + time;
    Settle();
  }
  size_t FileCount(const std::string& box) {
    return (*OpenDirectory(absl::StrCat(path_, "/", box, "/new")))->List()->size();
  }
  const QueuedRecipient& Status(MessageId id, size_t i = 0) { return store_.mails[id].state.recipients[i]; }

  const std::string path_;
  SimClock clock_;
  Nobody nobody_;
  MemoryStore store_;
  ScriptedCourier courier_;
  bool mailbox_broken = false;
  MailboxWriter mailboxes_;
  RouteTable routes_;
  std::unique_ptr<Relay> relay_;
  std::vector<DeliveryEventKind> events_;
  int count_ = 0;
};

TEST_F(RelayTest, SendsEachRecipientItsWay) {
  Accept({"x@local.example", "y@away.example", "postmaster", "z@sub.away.example"});
  Settle();
  EXPECT_EQ(FileCount("local.example/x"), 1u);
  EXPECT_EQ(FileCount("local.example/postmaster"), 1u);
  ASSERT_EQ(courier_.started.size(), 1u);
  EXPECT_EQ(courier_.started[0]->indices, (std::vector<uint32_t>{1, 3}));
  courier_.Answer(Fate::kDelivered, 250);
  Settle();
  EXPECT_EQ(store_.message_count(), 0u);
  EXPECT_TRUE(relay_->idle());
}

TEST_F(RelayTest, NothingIsTriedAgainBeforeItsOutcomeWasReadBack) {
  const MessageId id = Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  clock_.wall = clock_.wall + hours(1);
  relay_->Turn();  // the outcome is away, its time has come, and still
  EXPECT_TRUE(courier_.started.empty());
  EXPECT_EQ(relay_->Retry(id), Relay::Answer::kBusy);
  Settle();
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayTest, WhileALogCannotBeReadOnNothingOfItIsTriedAgain) {
  Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  store_.unreadable_log = true;
  Pass(hours(1));
  EXPECT_TRUE(courier_.started.empty());
  store_.unreadable_log = false;
  Settle();
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayTest, RetriesOnScheduleAndFailsAtTheExpiry) {
  const MessageId id = Accept({"y@away.example"});
  Settle();
  int attempt_count = 0;
  for (int quarter = 0; quarter < 49 * 4; ++quarter) {
    while (!courier_.started.empty()) {
      ++attempt_count;
      courier_.Answer(Fate::kDeferred, 450);
      Settle();
    }
    Pass(minutes(15));
  }
  EXPECT_EQ(attempt_count, 16);  // at once, fourteen waits, and at the expiry
  EXPECT_EQ(Status(id).state, RecipientState::kFailed);
  EXPECT_EQ(Status(id).attempt_count, 16);
  EXPECT_EQ(store_.mails[id].texts[0], "450 said the peer");
  EXPECT_EQ(events_.back(), DeliveryEventKind::kExpired);
}

TEST_F(RelayTest, WhatAPoisonedLogCannotTakeHoldsUpNoStop) {
  const MessageId id = Accept({"y@away.example"});
  Accept({"z@away.example"});
  Settle();
  courier_.Answer(Fate::kDelivered, 250);
  store_.Commit(HandoffResult::kPoisoned);
  Settle();
  EXPECT_EQ(relay_->Retry(id), Relay::Answer::kBusy);  // never a second time before a restart
  relay_->Stop();
  EXPECT_FALSE(relay_->idle());  // the other one is under way
  courier_.Answer(Fate::kDelivered, 250);
  store_.Commit(HandoffResult::kPoisoned);
  Settle();
  EXPECT_TRUE(relay_->idle());
}

TEST_F(RelayTest, WhatWasNeverTriedIsTriedSoonAndNotCounted) {
  const MessageId id = Accept({"y@away.example"});
  Settle();
  courier_.started.front()->untried = true;
  courier_.Answer(Fate::kDeferred, 0, Scheduler::Finish::kNeither);
  Settle();
  EXPECT_EQ(Status(id).attempt_count, 0);
  EXPECT_TRUE(courier_.started.empty());
  Pass(std::chrono::seconds(10));
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayTest, ARefusalFailsAtOnceAndIsKept) {
  const MessageId id = Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kRefused, 550);
  Settle();
  EXPECT_EQ(Status(id).state, RecipientState::kFailed);
  Pass(hours(100));
  EXPECT_TRUE(courier_.started.empty());

  EXPECT_EQ(relay_->Retry(id), Relay::Answer::kStarted);
  Settle();
  ASSERT_EQ(courier_.started.size(), 1u);
  courier_.Answer(Fate::kDelivered, 250);
  Settle();
  EXPECT_EQ(store_.message_count(), 0u);
}

TEST_F(RelayTest, ADeadDestinationIsProbedByOneAndItsQueueExpires) {
  std::vector<MessageId> ids;
  for (int i = 0; i < 30; ++i) ids.push_back(Accept({"y@away.example"}));
  Settle();
  ASSERT_EQ(courier_.started.size(), 10u);
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, Scheduler::Finish::kUnreachable);
  Settle();
  EXPECT_TRUE(courier_.started.empty());
  Pass(minutes(15));
  ASSERT_EQ(courier_.started.size(), 1u);
  courier_.Answer(Fate::kDeferred, 0, Scheduler::Finish::kUnreachable);
  Pass(minutes(29));
  EXPECT_TRUE(courier_.started.empty());
  Pass(minutes(1));
  ASSERT_EQ(courier_.started.size(), 1u);
  courier_.Answer(Fate::kDelivered, 250);
  Settle();
  EXPECT_EQ(courier_.started.size(), 10u);  // it answers: at full concurrency
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 0, Scheduler::Finish::kUnreachable);
  Settle();
  Pass(hours(49));
  while (!courier_.started.empty()) {
    courier_.Answer(Fate::kDeferred, 0, Scheduler::Finish::kUnreachable);
    Settle();
  }
  EXPECT_EQ(store_.message_count(), 29u);
  for (const auto& [id, mail] : store_.mails) EXPECT_EQ(mail.state.recipients[0].state, RecipientState::kFailed);
}

TEST_F(RelayTest, ABrokenMailboxDefersThatMessageOnly) {
  mailbox_broken = true;
  const MessageId id = Accept({"x@local.example"});
  Settle();
  EXPECT_EQ(Status(id).state, RecipientState::kDeferred);
  EXPECT_EQ(store_.mails[id].texts[0], "451 4.2.0 open: permission denied");
  mailbox_broken = false;
  Accept({"z@local.example"});
  Settle();
  EXPECT_EQ(FileCount("local.example/z"), 1u);
  Pass(minutes(15));
  EXPECT_EQ(FileCount("local.example/x"), 1u);
  EXPECT_EQ(store_.message_count(), 0u);
}

TEST_F(RelayTest, ManyRecipientsOfOneMessageGoInSeveralJobs) {
  std::vector<std::string> recipients;
  for (int i = 0; i < 100; ++i) recipients.push_back(absl::StrCat("user", i, "@local.example"));
  recipients.push_back("\"\"@local.example");
  const MessageId id = Accept(recipients);
  Settle();
  ASSERT_EQ(store_.message_count(), 1u);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(Status(id, i).state, RecipientState::kDelivered);
  EXPECT_EQ(Status(id, 100).state, RecipientState::kFailed);
  EXPECT_EQ(FileCount("local.example/user99"), 1u);
}

TEST_F(RelayTest, WithoutARouteAMessageWaits) {
  const MessageId id = Accept({"y@elsewhere.example"});
  Settle();
  EXPECT_EQ(Status(id).state, RecipientState::kDeferred);
  EXPECT_EQ(store_.mails[id].texts[0], "450 4.4.4 no route for the recipient's domain");
}

TEST_F(RelayTest, AnUnreadableMessageIsToldAndTriedLater) {
  store_.unreadable = true;
  const MessageId id = Accept({"y@away.example"});
  Settle();
  EXPECT_EQ(events_, (std::vector<DeliveryEventKind>{DeliveryEventKind::kReadFailed}));
  EXPECT_TRUE(ShowQueued(store_, id)->recipients[0].address.empty());
  store_.unreadable = false;
  Pass(minutes(15));
  EXPECT_EQ(courier_.started.size(), 1u);
}

TEST_F(RelayTest, AnOutcomeThatFindsNoRoomIsWrittenLater) {
  Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDelivered, 250);
  store_.Commit(HandoffResult::kNoRoom);
  relay_->Turn();
  EXPECT_TRUE(store_.pushed.empty());
  ASSERT_TRUE(relay_->next_turn().has_value());
  Pass(std::chrono::seconds(2));
  EXPECT_EQ(store_.message_count(), 0u);
}

TEST_F(RelayTest, WithAPoisonedLogNothingIsSentTwice) {
  Accept({"y@away.example"});
  Settle();
  courier_.Answer(Fate::kDeferred, 450);
  store_.Commit(HandoffResult::kPoisoned);
  Pass(hours(5));
  EXPECT_TRUE(courier_.started.empty());
}

TEST_F(RelayTest, ListsShowsAndDeletes) {
  std::vector<MessageId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(Accept({"y@away.example", "v@elsewhere.example"}));
  Settle();
  QueuePage page = ListQueue(store_, 0, 3);
  EXPECT_EQ(page.message_count, 5u);
  ASSERT_EQ(page.entries.size(), 3u);
  EXPECT_EQ(page.entries[0].sender, "a@sender.example");
  EXPECT_EQ(page.entries[0].recipients[1].address, "v@elsewhere.example");
  page = ListQueue(store_, *page.next_cursor, 3);
  EXPECT_EQ(page.entries.size(), 2u);
  EXPECT_FALSE(page.next_cursor.has_value());

  EXPECT_EQ(relay_->Delete(ids[0]), Relay::Answer::kBusy);  // it is being sent
  while (!courier_.started.empty()) courier_.Answer(Fate::kDeferred, 450);
  Settle();
  EXPECT_EQ(relay_->Delete(ids[0]), Relay::Answer::kStarted);
  EXPECT_EQ(relay_->Delete(MessageId{77}), Relay::Answer::kNotFound);
  Settle();
  EXPECT_EQ(store_.message_count(), 4u);
  EXPECT_FALSE(ShowQueued(store_, ids[0]).has_value());
}

TEST_F(RelayTest, RetryAllTriesAllAtOnce) {
  for (int i = 0; i < 200; ++i) Accept({"y@away.example"});
  Settle();
  for (int i = 0; i < 200; ++i) {
    ASSERT_FALSE(courier_.started.empty());
    courier_.Answer(Fate::kRefused, 550);
    Settle();
  }
  relay_->RetryAll();
  Settle();
  int count = 0;
  for (; !courier_.started.empty(); ++count) {
    courier_.Answer(Fate::kDelivered, 250);
    Settle();
  }
  EXPECT_EQ(count, 200);
  EXPECT_EQ(store_.message_count(), 0u);
}

TEST_F(RelayTest, StopStartsNothingAndFinishesWhatRuns) {
  Accept({"y@away.example"});
  Settle();
  relay_->Stop();
  Accept({"y@away.example"});
  Settle();
  EXPECT_EQ(courier_.started.size(), 1u);
  EXPECT_FALSE(relay_->idle());
  courier_.Answer(Fate::kDelivered, 250);
  EXPECT_FALSE(relay_->idle());
  Settle();
  EXPECT_TRUE(relay_->idle());
  EXPECT_EQ(store_.message_count(), 1u);
}

}  // namespace
}  // namespace postern
