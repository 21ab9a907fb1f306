// Reports with a simulated clock, one message in memory and a writer that does what the test says.

#include "relay/reporter.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/relay/scripted_store.h"
#include "tests/smtp/report_reader.h"

namespace postern {
namespace {

class SimClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return {wall.us * 1000}; }
  WallTime Wall() const override { return wall; }
  WallTime wall{1'795'622'621'000'000};
};

class Nobody final : public Wakeable {
 public:
  void Wake() override {}
};

constexpr MessageId kAbout{uint64_t{1'795'619'021'000'000} << 8};
constexpr std::string_view kMessage = "Subject: hi\r\nX: y\r\n\r\nhello\r\n";
constexpr std::string_view kHeader = "Subject: hi\r\nX: y\r\n";

struct Heard {
  MessageId about;
  MessageId report;
  std::string to;
  std::string reason;
};

class ReporterTest : public ::testing::Test, public ReportListener {
 protected:
  ReporterTest() {
    options.hostname = "mx.example";
    store.body = kMessage;
    SetEnvelope({});
  }

  void SetEnvelope(EnvelopeHead head, std::string_view sender = "a@sender.example", size_t recipient_count = 2) {
    head.sender = sender;
    EnvelopeWriter writer;
    writer.Start(head);
    for (size_t i = 0; i < recipient_count; ++i) {
      const std::string address = absl::StrCat("r", i, "@far.example");
      Recipient recipient;
      recipient.address = address;
      writer.AddRecipient(recipient);
    }
    store.envelope = writer.bytes();
  }

  static ReportRequest Failure(size_t recipient_count = 1) {
    ReportRequest request;
    request.about = kAbout;
    for (uint32_t i = 0; i < recipient_count; ++i) {
      request.recipients.push_back({.index = i, .note = "550 5.1.1 no such user", .remote_host = "mail.far.example"});
    }
    return request;
  }

  Reporter& reporter() {
    if (!reporter_.has_value()) reporter_.emplace(options, store, ids, *this, clock, nobody);
    return *reporter_;
  }
  bool Start(ReportRequest request) { return reporter().TryStart(std::move(request)); }
  // As far as it comes without the writer.
  void Turn() {
    do {
      reporter().Turn();
    } while (reporter().HasWork());
  }
  // To the end.
  void Run() {
    for (Turn(); !reporter().idle(); Turn()) store.Write();
  }
  // The report on `request`, made without disturbance.
  ReadReport Made(ReportRequest request) {
    EXPECT_TRUE(Start(std::move(request)));
    Run();
    EXPECT_FALSE(store.accepted.empty());
    return store.accepted.empty() ? ReadReport{} : ReadReportText(store.accepted.back().body);
  }

  Envelope AcceptedEnvelope() const {
    std::optional<Envelope> envelope = ParseEnvelope(store.accepted.back().envelope);
    EXPECT_TRUE(envelope.has_value());
    return envelope.value_or(Envelope{});
  }
  std::vector<std::string> Readers() const {
    std::vector<std::string> readers;
    for (const Recipient& recipient : AcceptedEnvelope().recipients) readers.emplace_back(recipient.address);
    return readers;
  }
  std::vector<RecipientOutcome> Outcomes() const {
    OutcomeReader reader(store.accepted.back().about_outcome);
    std::vector<RecipientOutcome> outcomes;
    for (RecipientOutcome outcome; reader.Next(outcome);) outcomes.push_back(outcome);
    EXPECT_TRUE(reader.valid());
    return outcomes;
  }
  // Nothing was reported and nothing is left behind, and the next report is made as ever.
  void ExpectFailed(std::string_view reason) {
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_EQ(heard[0].report.number, 0u);
    EXPECT_EQ(heard[0].about, kAbout);
    EXPECT_EQ(heard[0].reason, reason);
    EXPECT_TRUE(reporter().idle());
    EXPECT_TRUE(store.accepted.empty());
    EXPECT_EQ(store.open_count(), 0u);
    EXPECT_TRUE(store.pushed.empty());
  }

  void HandleReported(const ReportRequest& request, const ReportResult& result) override {
    heard.push_back({request.about, result.report, std::string(result.to), std::string(result.reason)});
  }

  ReportOptions options;
  ScriptedStore store;
  SimClock clock;
  Nobody nobody;
  MessageIdSource ids{7};
  std::vector<Heard> heard;

 private:
  std::optional<Reporter> reporter_;
};

TEST_F(ReporterTest, AFailureGoesBackToItsSender) {
  const ReadReport read = Made(Failure());
  ASSERT_EQ(store.accepted.size(), 1u);
  const ScriptedStore::Accepted& accepted = store.accepted[0];
  ASSERT_EQ(read.parts.size(), 3u);
  EXPECT_EQ(read.parts[2].header.Value("Content-Type"), "message/rfc822");
  EXPECT_EQ(read.parts[2].body, kMessage);
  EXPECT_EQ(read.header.Value("From"), "Mail Delivery System <postmaster@mx.example>");
  EXPECT_EQ(read.header.Value("To"), "<a@sender.example>");
  EXPECT_EQ(read.header.Value("Message-ID"), absl::StrCat("<", ToText(accepted.id).view(), "@mx.example>"));
  EXPECT_EQ(read.status()[1].Value("Final-Recipient"), "rfc822;r0@far.example");
  EXPECT_EQ(read.status()[1].Value("Remote-MTA"), "dns; mail.far.example");

  const Envelope envelope = AcceptedEnvelope();
  EXPECT_EQ(envelope.sender, "");
  EXPECT_EQ(envelope.peer, "");
  EXPECT_EQ(envelope.flags, kEnvelopeReport);
  ASSERT_EQ(envelope.recipients.size(), 1u);
  EXPECT_EQ(envelope.recipients[0].address, "a@sender.example");
  EXPECT_EQ(envelope.recipients[0].notify, 0);

  EXPECT_EQ(accepted.about, kAbout);
  ASSERT_EQ(Outcomes().size(), 1u);
  EXPECT_EQ(Outcomes()[0].recipient, 0u);
  EXPECT_EQ(Outcomes()[0].state, RecipientState::kBounced);
  EXPECT_EQ(Outcomes()[0].reply, "");

  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].about, kAbout);
  EXPECT_EQ(heard[0].report, accepted.id);
  EXPECT_EQ(heard[0].to, "a@sender.example");
  EXPECT_EQ(heard[0].reason, "");
}

TEST_F(ReporterTest, ADelayLeavesItsRecipientWaiting) {
  ReportRequest request;
  request.about = kAbout;
  request.kind = ReportKind::kDelay;
  request.recipients.push_back({.index = 1,
                                .action = ReportedAction::kDelayed,
                                .note = "451 4.3.2 busy",
                                .retry_until = {clock.wall.us + 1},
                                .attempt_count = 5,
                                .next_attempt = {77}});
  const ReadReport read = Made(request);
  ASSERT_EQ(read.parts.size(), 3u);
  EXPECT_EQ(read.parts[2].header.Value("Content-Type"), "text/rfc822-headers") << "RFC 3461 4.3";
  EXPECT_EQ(read.parts[2].body, kHeader);
  ASSERT_EQ(Outcomes().size(), 1u);
  EXPECT_EQ(Outcomes()[0].recipient, 1u);
  EXPECT_EQ(Outcomes()[0].state, RecipientState::kDelayed);
  EXPECT_EQ(Outcomes()[0].attempt_count, 5);
  EXPECT_EQ(Outcomes()[0].next_attempt.us, 77);
  EXPECT_EQ(Outcomes()[0].reply, "451 4.3.2 busy");
}

TEST_F(ReporterTest, AReceiptSettlesWhatHasArrived) {
  ReportRequest request = Failure();
  request.kind = ReportKind::kSuccess;
  request.recipients[0].action = ReportedAction::kRelayed;
  request.recipients[0].note = "250 2.0.0 ok";
  const ReadReport read = Made(request);
  EXPECT_EQ(read.status()[1].Value("Action"), "relayed");
  EXPECT_EQ(read.parts[2].body, kHeader);
  ASSERT_EQ(Outcomes().size(), 1u);
  EXPECT_EQ(Outcomes()[0].state, RecipientState::kDelivered);
}

TEST_F(ReporterTest, AFailedReportGoesToPostmaster) {
  SetEnvelope({.flags = kEnvelopeReport}, "");
  ReportRequest request = Failure();
  request.to = ReportTo::kPostmaster;
  const ReadReport read = Made(request);
  EXPECT_EQ(Readers(), std::vector<std::string>{"postmaster@mx.example"});
  EXPECT_EQ(AcceptedEnvelope().flags, kEnvelopeLastReport);
  EXPECT_EQ(read.parts[2].body, kHeader);
}

TEST_F(ReporterTest, PostmasterMayLiveElsewhere) {
  options.postmaster = "help@office.example";
  const ReadReport read = Made(Failure());
  EXPECT_EQ(read.header.Value("From"), "Mail Delivery System <help@office.example>");
}

TEST_F(ReporterTest, TheAdministratorGetsCopiesOfHisTypes) {
  options.copy_to = "admin@mx.example";
  options.copy_for = {FailureType::kAddress, FailureType::kLoop};
  EXPECT_TRUE(reporter().Copies("550 5.1.1 no such user"));
  EXPECT_FALSE(reporter().Copies("550 5.7.1 spam"));
  Made(Failure());
  EXPECT_EQ(Readers(), (std::vector<std::string>{"a@sender.example", "admin@mx.example"}));
  EXPECT_EQ(AcceptedEnvelope().recipients[0].notify, 0);
  EXPECT_EQ(AcceptedEnvelope().recipients[1].notify, kNotifyNever) << "no report on a copy";

  ReportRequest spam = Failure();
  spam.recipients[0].note = "550 5.7.1 spam";
  Made(spam);
  EXPECT_EQ(Readers(), std::vector<std::string>{"a@sender.example"});

  ReportRequest delay = Failure();
  delay.kind = ReportKind::kDelay;
  Made(delay);
  EXPECT_EQ(Readers(), std::vector<std::string>{"a@sender.example"});

  ReportRequest unwanted = Failure();
  unwanted.to = ReportTo::kAdministrator;
  EXPECT_EQ(Made(unwanted).header.Value("Subject"), "Undelivered mail (its sender wants no report)");
  EXPECT_EQ(Readers(), std::vector<std::string>{"admin@mx.example"});
  EXPECT_EQ(AcceptedEnvelope().recipients[0].notify, kNotifyNever);
  EXPECT_EQ(Outcomes()[0].state, RecipientState::kBounced);

  SetEnvelope({}, "admin@mx.example");
  Made(Failure());
  EXPECT_EQ(Readers(), std::vector<std::string>{"admin@mx.example"}) << "once is enough";
}

TEST_F(ReporterTest, NobodyGetsCopiesByDefault) {
  EXPECT_FALSE(reporter().Copies("550 5.1.1 no such user"));
  options.copy_for = {FailureType::kAddress};
  EXPECT_FALSE(reporter().Copies("550 5.1.1 no such user"));
}

TEST_F(ReporterTest, ReturnsWhatTheSenderAskedFor) {
  SetEnvelope({.ret = DsnReturn::kHeaders});
  EXPECT_EQ(Made(Failure()).parts[2].body, kHeader);
  SetEnvelope({.ret = DsnReturn::kFull});
  EXPECT_EQ(Made(Failure()).parts[2].body, kMessage);
}

TEST_F(ReporterTest, ReturnsOnlyTheHeaderOfWhatIsLarge) {
  options.return_size_max = kMessage.size();
  EXPECT_EQ(Made(Failure()).parts[2].body, kMessage);
  store.body = absl::StrCat(kMessage, "x");
  EXPECT_EQ(Made(Failure()).parts[2].body, kHeader);
}

TEST_F(ReporterTest, IsTheSameWhereverBlocksEnd) {
  options.return_size_max = UINT64_MAX;
  store.body = "A: b\r\n\r\n";
  Made(Failure());
  const size_t frame_size = store.accepted[0].body.size() - store.body.size();
  for (const size_t block_count : {1, 2, 3, 5}) {
    for (const size_t size : {block_count * kBlockSize - 1, block_count * kBlockSize, block_count * kBlockSize + 1}) {
      store.body = "A: b\r\n\r\n";
      while (store.body.size() < size - frame_size)
        store.body.push_back(static_cast<char>('a' + store.body.size() % 26));
      store.piece_size = size % 2 == 0 ? 64 * 1024 : 1000;
      EXPECT_EQ(Made(Failure()).parts[2].body, store.body);
      EXPECT_EQ(store.accepted.back().body.size(), size);
    }
  }
  EXPECT_EQ(store.open_count(), 0u);
}

TEST_F(ReporterTest, ALargeMessageCostsAFewBlocks) {
  options.return_size_max = UINT64_MAX;
  store.body = absl::StrCat("A: b\r\n\r\n", std::string(3'000'000, 'x'));
  ASSERT_TRUE(Start(Failure()));
  for (Turn(); !reporter().idle(); Turn()) {
    EXPECT_LE(store.pushed.size(), kFragmentsInFlightMax + 1);
    store.Write(HandoffResult::kDurable, 1);
  }
  EXPECT_EQ(ReadReportText(store.accepted.at(0).body).parts[2].body, store.body);
}

TEST_F(ReporterTest, WithoutReceiptsItStandsStill) {
  options.return_size_max = UINT64_MAX;
  store.body = absl::StrCat("A: b\r\n\r\n", std::string(1'000'000, 'x'));
  ASSERT_TRUE(Start(Failure()));
  Turn();
  EXPECT_EQ(store.pushed.size(), kFragmentsInFlightMax);
  EXPECT_FALSE(reporter().HasWork());
  EXPECT_EQ(reporter().next_turn(), std::nullopt) << "the receipt wakes us";
}

TEST_F(ReporterTest, ReportsOnManyRecipientsAtOnce) {
  SetEnvelope({}, "a@sender.example", 1500);
  const ReadReport read = Made(Failure(1500));
  EXPECT_EQ(read.status().size(), 1 + OutgoingReport::kRecipientCountMax);
  EXPECT_EQ(Outcomes().size(), OutgoingReport::kRecipientCountMax) << "the others stay to be reported";
  EXPECT_EQ(Outcomes().back().recipient, OutgoingReport::kRecipientCountMax - 1);
  EXPECT_EQ(read.parts[2].body, kMessage);
}

TEST_F(ReporterTest, ManyReportsShareFewBlocks) {
  options.return_size_max = UINT64_MAX;
  store.body = absl::StrCat("A: b\r\n\r\n", std::string(300'000, 'x'));
  for (size_t i = 0; i < Reporter::kReportCountMax; ++i) ASSERT_TRUE(Start(Failure()));
  EXPECT_FALSE(Start(Failure())) << "too many";
  EXPECT_EQ(reporter().under_way_count(), Reporter::kReportCountMax);
  for (Turn(); !reporter().idle(); Turn()) {
    EXPECT_LE(store.pushed.size(), Reporter::kReportCountMax) << "a block each, on average";
    ASSERT_FALSE(store.pushed.empty()) << "they wait for each other";
    store.Write(HandoffResult::kDurable, 3);
  }
  EXPECT_EQ(store.accepted.size(), Reporter::kReportCountMax);
  for (const ScriptedStore::Accepted& accepted : store.accepted) {
    EXPECT_EQ(ReadReportText(accepted.body).parts[2].body, store.body);
  }
  EXPECT_TRUE(Start(Failure()));
}

TEST_F(ReporterTest, ReceiptsMayComeInAnyOrder) {
  store.body = absl::StrCat("A: b\r\n\r\n", std::string(2 * kBlockSize, 'x'));
  options.return_size_max = UINT64_MAX;
  ASSERT_TRUE(Start(Failure()));
  Turn();
  store.Write(HandoffResult::kDurable, 1);
  Turn();
  ASSERT_EQ(store.pushed.size(), 2u);
  store.Write(HandoffResult::kDurable, 2, /*backwards=*/true);
  reporter().Turn();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].report, store.accepted.at(0).id);
}

TEST_F(ReporterTest, AFullDiskLeavesNothingBehind) {
  ASSERT_TRUE(Start(Failure()));
  Turn();
  store.Write(HandoffResult::kNoRoom);
  Run();
  ExpectFailed("the disk is full");
  EXPECT_EQ(store.abandoned_count, 1u) << "the store waits for its outcome no more";
  Made(Failure());
  EXPECT_EQ(store.accepted.size(), 1u) << "later there is room";
}

TEST_F(ReporterTest, TheDiskMayFillUpMidway) {
  options.return_size_max = UINT64_MAX;
  store.body = absl::StrCat("A: b\r\n\r\n", std::string(5 * kBlockSize, 'x'));
  for (const HandoffResult result : {HandoffResult::kNoRoom, HandoffResult::kPoisoned}) {
    for (size_t good_count = 0; good_count < 7; ++good_count) {
      heard.clear();
      ASSERT_TRUE(Start(Failure()));
      Turn();
      for (size_t i = 0; i < good_count && !reporter().idle(); ++i) {
        store.Write(HandoffResult::kDurable, 1);
        Turn();
      }
      if (good_count == 6) {
        EXPECT_EQ(std::exchange(store.accepted, {}).size(), 1u) << "that was all of it";
        continue;
      }
      store.Write(result, 1);
      Run();
      ExpectFailed(result == HandoffResult::kNoRoom ? "the disk is full" : "the log takes nothing until a restart");
    }
  }
}

TEST_F(ReporterTest, TheLastPieceSaysThatAnotherWasLost) {
  options.return_size_max = UINT64_MAX;
  store.body = absl::StrCat("A: b\r\n\r\n", std::string(kBlockSize, 'x'));
  ASSERT_TRUE(Start(Failure()));
  Turn();
  ASSERT_EQ(store.pushed.size(), 2u) << "the last one is away already";
  store.Write(HandoffResult::kNoRoom, 1);
  Turn();
  EXPECT_TRUE(heard.empty());
  Run();
  ExpectFailed("the disk is full");
}

TEST_F(ReporterTest, AFullQueueIsTriedAgain) {
  store.place_count = 0;
  ASSERT_TRUE(Start(Failure()));
  Turn();
  ASSERT_TRUE(reporter().next_turn().has_value());
  EXPECT_GT(*reporter().next_turn(), clock.wall);
  EXPECT_FALSE(reporter().HasWork());
  store.place_count = 1;
  Run();
  EXPECT_EQ(reporter().next_turn(), std::nullopt);
  EXPECT_EQ(store.accepted.size(), 1u);
  EXPECT_EQ(store.pushed_max, 1u);
}

TEST_F(ReporterTest, AFullQueueMayHoldUpTheEndOfAFailure) {
  options.return_size_max = UINT64_MAX;
  store.body = absl::StrCat("A: b\r\n\r\n", std::string(5 * kBlockSize, 'x'));
  store.place_count = 1;
  ASSERT_TRUE(Start(Failure()));
  Turn();
  store.Write(HandoffResult::kNoRoom, 1);  // the next fragment has waited for the place
  store.place_count = 0;
  Turn();
  EXPECT_TRUE(heard.empty());
  EXPECT_TRUE(reporter().next_turn().has_value());
  store.place_count = 1;
  Run();
  ExpectFailed("the disk is full");
}

TEST_F(ReporterTest, WhatCannotBeReadIsReportedOnAllTheSame) {
  for (const bool rewind : {false, true}) {
    store.bad_piece = rewind ? std::nullopt : std::optional<size_t>(0);
    store.rewinds = rewind ? absl::DataLossError("gone") : absl::OkStatus();
    const ReadReport read = Made(Failure());
    EXPECT_EQ(read.parts.size(), 2u);
    EXPECT_TRUE(absl::StrContains(read.people(), "The message itself cannot be shown here."));
    EXPECT_EQ(Outcomes().at(0).state, RecipientState::kBounced);
  }
}

TEST_F(ReporterTest, WhatCannotBeReadAnyMoreIsTriedAgain) {
  options.return_size_max = UINT64_MAX;
  store.body = absl::StrCat("A: b\r\n\r\n", std::string(5 * kBlockSize, 'x'));
  store.piece_size = kBlockSize;
  store.bad_piece = 10;  // the first reading is 7, with its end
  ASSERT_TRUE(Start(Failure()));
  Run();
  ExpectFailed("the record is damaged");
  Made(Failure());
}

TEST_F(ReporterTest, WhatIsNotThereIsTold) {
  store.opens = absl::NotFoundError("the message is not in the queue");
  ASSERT_TRUE(Start(Failure()));
  EXPECT_TRUE(heard.empty()) << "not in the call that asks";
  Run();
  ExpectFailed("the message is not in the queue");
  EXPECT_EQ(store.abandoned_count, 0u) << "the writer has never heard of it";
}

TEST_F(ReporterTest, ADamagedEnvelopeIsTold) {
  store.envelope = "?";
  ASSERT_TRUE(Start(Failure()));
  Run();
  ExpectFailed("the envelope is damaged");
  heard.clear();
  SetEnvelope({});
  ASSERT_TRUE(Start(Failure(3)));
  Run();
  ExpectFailed("the envelope is damaged");
}

TEST_F(ReporterTest, NobodyIsToldNothing) {
  SetEnvelope({}, "");
  ASSERT_TRUE(Start(Failure()));
  Run();
  ExpectFailed("there is nobody to report to");
}

TEST_F(ReporterTest, AMessageThatHoldsItsReportsBoundaryIsNotReturned) {
  MessageIdSource same{7};
  store.body = absl::StrCat("A: b\r\n\r\n--", ReportBoundary(same.Next(clock.wall)), "\r\n\r\nforged\r\n");
  const ReadReport read = Made(Failure());
  EXPECT_EQ(read.parts.size(), 2u);
  EXPECT_FALSE(absl::StrContains(store.accepted[0].body, "forged"));
}

TEST_F(ReporterTest, AsksForWhatItsContentNeeds) {
  store.body = "A: b\r\n\r\n\xC3\xBC\r\n";
  EXPECT_EQ(Made(Failure()).parts[2].header.Value("Content-Transfer-Encoding"), "8bit");
  EXPECT_EQ(AcceptedEnvelope().flags, kEnvelopeReport | kEnvelopeEightBit);

  SetEnvelope({.ret = DsnReturn::kHeaders});
  Made(Failure());
  EXPECT_EQ(AcceptedEnvelope().flags, kEnvelopeReport) << "its header is ASCII";

  store.body = "A: \xC3\xBC\r\n\r\nb\r\n";
  SetEnvelope({.flags = kEnvelopeUtf8});
  EXPECT_EQ(Made(Failure()).parts[2].header.Value("Content-Type"), "message/global");
  EXPECT_EQ(AcceptedEnvelope().flags, kEnvelopeReport | kEnvelopeEightBit | kEnvelopeUtf8);

  store.body = kMessage;
  SetEnvelope({.flags = kEnvelopeUtf8}, "\xC3\xBC@sender.example");
  Made(Failure());
  EXPECT_EQ(AcceptedEnvelope().flags, kEnvelopeReport | kEnvelopeEightBit | kEnvelopeUtf8);
  EXPECT_EQ(Readers(), std::vector<std::string>{"\xC3\xBC@sender.example"});
}

TEST_F(ReporterTest, StopLetsWhatIsUnderWayEnd) {
  ASSERT_TRUE(Start(Failure()));
  reporter().Stop();
  EXPECT_FALSE(Start(Failure()));
  EXPECT_FALSE(reporter().idle());
  Run();
  EXPECT_EQ(store.accepted.size(), 1u);
  EXPECT_EQ(heard.size(), 1u);
  EXPECT_TRUE(reporter().idle());
}

TEST_F(ReporterTest, EveryReportHasAnIdOfItsOwn) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Start(Failure()));
  Run();
  ASSERT_EQ(store.accepted.size(), 3u);
  EXPECT_NE(store.accepted[0].id, store.accepted[1].id);
  EXPECT_NE(store.accepted[1].id, store.accepted[2].id);
  ASSERT_EQ(heard.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(heard[i].report, store.accepted[i].id);
}

}  // namespace
}  // namespace postern
