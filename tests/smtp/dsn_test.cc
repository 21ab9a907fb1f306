#include "smtp/dsn.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/utf8.h"
#include "gtest/gtest.h"
#include "tests/smtp/report_reader.h"

namespace postern {
namespace {

constexpr int64_t kHour = 3'600'000'000;
constexpr int64_t kMoment = 1'795'622'621'000'000;  // Wed, 25 Nov 2026 16:03:41 +0000

MessageId IdAt(int64_t us) { return {static_cast<uint64_t>(us) << 8}; }

Report Failure() {
  Report report;
  report.id = IdAt(kMoment + kHour);
  report.date = report.id.born();
  report.hostname = "mx.example";
  report.postmaster = "postmaster@mx.example";
  report.to = "a@sender.example";
  report.about = IdAt(kMoment);
  report.original.sender = "a@sender.example";
  report.original.peer = "192.0.2.1";
  report.original.helo = "client.example";
  report.recipients.push_back(
      {.address = "b@far.example", .note = "550 5.1.1 no such user", .remote = "mail.far.example"});
  return report;
}

std::string Compose(const Report& report, std::string_view content = {}) {
  const std::string head = ComposeHead(report);
  ExpectSoundLines(head);
  return absl::StrCat(head, content, ComposeTail(report));
}

ReadReport Read(const Report& report, std::string_view content = {}) {
  return ReadReportText(Compose(report, content));
}

// The text for people, however its lines are broken.
std::string Words(const Report& report) {
  std::string words = Read(report).people();
  absl::StrReplaceAll({{"\r\n", " "}}, &words);
  absl::RemoveExtraAsciiWhitespace(&words);
  return words;
}

// Of the only recipient.
ReadFields StatusOf(const Report& report) {
  const std::vector<ReadFields> groups = Read(report).status();
  EXPECT_EQ(groups.size(), 2u);
  return groups.size() == 2 ? groups[1] : ReadFields{};
}

TEST(Dsn, IsAWholeMessage) {
  Report report = Failure();
  report.returned = ReturnedContent::kHeader;
  report.original.envid = "QQ314159";
  report.recipients[0].orcpt = "rfc822;b@alias.example";
  report.recipients[0].last_attempt = {kMoment + kHour};
  const std::string text = absl::StrReplaceAll(
      Compose(report, "Subject: hi\r\n"),
      {{"\r\n", "\n"}, {ToText(report.id).view(), "REPORT"}, {ToText(report.about).view(), "MESSAGE"}});
  EXPECT_EQ(text, R"(From: Mail Delivery System <postmaster@mx.example>
To: <a@sender.example>
Subject: Undelivered mail returned to its sender
Date: Wed, 25 Nov 2026 17:03:41 +0000
Message-ID: <REPORT@mx.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="=_REPORT_report"

--=_REPORT_report
Content-Type: text/plain; charset=us-ascii

This is the mail system at mx.example.

Your message of Wed, 25 Nov 2026 16:03:41 +0000 could not be delivered to
the recipients below, and will not be tried again. Below each of them stands
why.

Please look whether the addresses are right, and send the message again when
the reason is gone. If you need help, write to postmaster@mx.example and
name the message as MESSAGE.

<b@far.example>
    mail.far.example said: 550 5.1.1 no such user

The header of the message is attached.


--=_REPORT_report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
X-Postern-ID: MESSAGE
Original-Envelope-Id: QQ314159
Received-From-MTA: dns; client.example ([192.0.2.1])
Arrival-Date: Wed, 25 Nov 2026 16:03:41 +0000

Original-Recipient: rfc822;b@alias.example
Final-Recipient: rfc822;b@far.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.far.example
Diagnostic-Code: smtp; 550 5.1.1 no such user
Last-Attempt-Date: Wed, 25 Nov 2026 17:03:41 +0000

--=_REPORT_report
Content-Type: text/rfc822-headers

Subject: hi

--=_REPORT_report--
)");
}

TEST(Dsn, NamesEveryRecipient) {
  Report report = Failure();
  report.recipients.push_back({.address = "c@far.example", .note = "cannot connect to far.example"});
  report.recipients.push_back({.address = "postmaster"});
  const ReadReport read = Read(report);
  const std::vector<ReadFields> groups = read.status();
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[2].Value("Final-Recipient"), "rfc822;c@far.example");
  EXPECT_EQ(groups[2].Value("Diagnostic-Code"), "X-Postern; cannot connect to far.example");
  EXPECT_EQ(groups[2].Value("Remote-MTA"), "(none)");
  EXPECT_EQ(groups[2].Value("Original-Recipient"), "(none)");
  EXPECT_EQ(groups[3].Value("Final-Recipient"), "rfc822;postmaster@mx.example");
  EXPECT_EQ(groups[3].Value("Diagnostic-Code"), "(none)");
  EXPECT_EQ(groups[3].Value("Status"), "5.0.0");
  EXPECT_TRUE(absl::StrContains(read.people(), "<c@far.example>\r\n    cannot connect to far.example\r\n"));
  EXPECT_EQ(read.parts.size(), 2u) << "nothing is returned";
}

TEST(Dsn, StatusIsOfTheClassOfTheAction) {
  struct Case {
    ReportedAction action;
    std::string_view note;
    std::string_view status;
  };
  constexpr Case kCases[] = {
      {ReportedAction::kFailed, "550 5.1.1 no such user", "5.1.1"},
      {ReportedAction::kFailed, "550 no such user", "5.0.0"},
      {ReportedAction::kFailed, "550", "5.0.0"},
      {ReportedAction::kFailed, "451 try later", "4.0.0"},
      {ReportedAction::kFailed, "550 4.1.1 two classes", "5.0.0"},
      {ReportedAction::kFailed, "5500 5.1.1 no code", "5.0.0"},
      {ReportedAction::kFailed, "expired: 451 4.3.2 busy", "4.4.7"},
      {ReportedAction::kFailed, "expired: no connection", "4.4.7"},
      {ReportedAction::kFailed, "no connection", "5.0.0"},
      {ReportedAction::kFailed, "", "5.0.0"},
      {ReportedAction::kFailed, "5.3.4 too large for the peer", "5.3.4"},
      {ReportedAction::kDelayed, "4.4.2 timed out", "4.4.2"},
      {ReportedAction::kDelayed, "451 4.3.2 busy", "4.3.2"},
      {ReportedAction::kDelayed, "no connection", "4.0.0"},
      {ReportedAction::kDelivered, "250 2.1.5 ok", "2.1.5"},
      {ReportedAction::kDelivered, "250 ok", "2.0.0"},
      {ReportedAction::kRelayed, "", "2.0.0"},
  };
  for (const Case& c : kCases) {
    Report report = Failure();
    report.recipients[0].action = c.action;
    report.recipients[0].note = c.note;
    EXPECT_EQ(StatusOf(report).Value("Status"), c.status) << c.note;
  }
}

TEST(Dsn, OurOwnWordsAreNobodyElses) {
  Report report = Failure();
  report.recipients[0].note = "5.3.4 it is larger than the peer's limit";
  const ReadFields status = StatusOf(report);
  EXPECT_EQ(status.Value("Remote-MTA"), "dns; mail.far.example") << "it was spoken with";
  EXPECT_EQ(status.Value("Diagnostic-Code"), "X-Postern; 5.3.4 it is larger than the peer's limit");
  EXPECT_FALSE(absl::StrContains(Read(report).people(), "said:"));
  EXPECT_TRUE(absl::StrContains(Read(report).people(), "\r\n    5.3.4 it is larger"));
}

TEST(Dsn, WhatExpiredKeepsItsLastReply) {
  Report report = Failure();
  report.recipients[0].note = "expired: 451 4.3.2 busy";
  EXPECT_EQ(StatusOf(report).Value("Diagnostic-Code"), "smtp; 451 4.3.2 busy");
  EXPECT_TRUE(absl::StrContains(Read(report).people(),
                                "    It was tried until its time was over. The last reason was:\r\n"
                                "    mail.far.example said: 451 4.3.2 busy\r\n"));
}

TEST(Dsn, ADelayTellsUntilWhen) {
  Report report = Failure();
  report.kind = ReportKind::kDelay;
  report.recipients[0] = {.address = "b@far.example",
                          .action = ReportedAction::kDelayed,
                          .note = "no connection",
                          .retry_until = {kMoment + 48 * kHour}};
  const ReadReport read = Read(report);
  EXPECT_EQ(read.header.Value("Subject"), "Delayed mail (it is still being tried)");
  EXPECT_EQ(StatusOf(report).Value("Action"), "delayed");
  EXPECT_EQ(StatusOf(report).Value("Will-Retry-Until"), "Fri, 27 Nov 2026 16:03:41 +0000");
  EXPECT_TRUE(absl::StrContains(read.people(), "    It is tried until Fri, 27 Nov 2026 16:03:41 +0000.\r\n"));
  EXPECT_TRUE(absl::StrContains(Words(report), "You need do nothing"));
}

TEST(Dsn, AReceiptSaysWhoItWentTo) {
  Report report = Failure();
  report.kind = ReportKind::kSuccess;
  report.recipients = {{.address = "b@far.example", .action = ReportedAction::kRelayed, .note = "250 2.0.0 ok"},
                       {.address = "c@near.example", .action = ReportedAction::kDelivered}};
  const ReadReport read = Read(report);
  ASSERT_EQ(read.status().size(), 3u);
  EXPECT_EQ(read.status()[1].Value("Action"), "relayed");
  EXPECT_EQ(read.status()[2].Value("Action"), "delivered");
  EXPECT_EQ(read.status()[2].Value("Will-Retry-Until"), "(none)");
  EXPECT_TRUE(absl::StrContains(read.people(), "Passed on; you may hear nothing more of it.\r\n\r\n<c@near.example>"));
}

TEST(Dsn, OthersThanTheSenderAreToldWhatItIsAbout) {
  Report postmaster = Failure();
  postmaster.original.sender = "";
  postmaster.original.flags = kEnvelopeReport;
  postmaster.to = postmaster.postmaster;
  EXPECT_EQ(Read(postmaster).header.Value("Subject"), "Undelivered report returned to postmaster");
  EXPECT_TRUE(absl::StrContains(Words(postmaster), "A report of Wed, 25 Nov 2026 16:03:41 +0000"));

  Report administrator = Failure();
  administrator.to = "admin@mx.example";
  EXPECT_EQ(Read(administrator).header.Value("Subject"), "Undelivered mail (its sender wants no report)");
  EXPECT_TRUE(absl::StrContains(Words(administrator), "from <a@sender.example> could not"));
}

TEST(Dsn, XtextIsDecoded) {
  Report report = Failure();
  report.original.envid = "a+2Bb+3Dc+20d";
  report.recipients[0].orcpt = "rfc822;b+2Btag@alias.example";
  EXPECT_EQ(Read(report).status()[0].Value("Original-Envelope-Id"), "a+b=c d");
  EXPECT_EQ(StatusOf(report).Value("Original-Recipient"), "rfc822;b+tag@alias.example");
}

TEST(Dsn, XtextThatHidesALineStaysXtext) {
  for (const std::string_view hidden : {"x+0D+0AAction:+20delivered", "x+00", "x+7F", "x+FF", "x+C3+BC", "x+2", "x+"}) {
    Report report = Failure();
    report.original.envid = hidden;
    const std::string orcpt = absl::StrCat("rfc822;", hidden);
    report.recipients[0].orcpt = orcpt;
    EXPECT_EQ(Read(report).status()[0].Value("Original-Envelope-Id"), hidden);
    EXPECT_EQ(StatusOf(report).Value("Original-Recipient"), orcpt);
    EXPECT_EQ(StatusOf(report).Value("Action"), "failed");
  }
}

TEST(Dsn, NobodyWritesALineOfHisOwn) {
  constexpr char kEvil[] = "x\r\n\r\nInjected: yes\n.\r\n--=_\0\x7f\t\x1b[31m\xC2\x85\xE2\x80\xA8\xFF";
  const std::string_view evil(kEvil, sizeof(kEvil) - 1);
  Report report = Failure();
  report.original.helo = evil;
  report.original.envid = evil;
  report.original.peer = evil;
  const std::string orcpt = absl::StrCat("rfc822;", evil);
  const std::string address = absl::StrCat(evil, "@far.example");
  const std::string note = absl::StrCat("550 5.1.1 ", evil);
  report.recipients[0] = {.address = address, .orcpt = orcpt, .note = note, .remote = evil};
  for (const std::string_view to : {std::string_view("a@sender.example"), evil}) {
    report.to = to;
    const ReadReport read = Read(report);
    EXPECT_EQ(read.header.all.size(), NeedsUtf8(report) ? 9u : 8u);
    EXPECT_EQ(read.header.Value("Injected"), "(none)");
    ASSERT_EQ(read.status().size(), 2u);
    EXPECT_EQ(read.status()[0].all.size(), 5u);
    EXPECT_EQ(read.status()[1].all.size(), 6u);
    EXPECT_TRUE(IsUtf8(Compose(report)));
  }
}

TEST(Dsn, AHeloThatCannotBeTrueIsNotRepeated) {
  Report report = Failure();
  for (const std::string_view helo : {"evil (comment)", "", "f\xC3\xBC.example", "a..b"}) {
    report.original.helo = helo;
    EXPECT_EQ(Read(report).status()[0].Value("Received-From-MTA"), "dns; [192.0.2.1]");
  }
  report.original.helo = "[192.0.2.7]";
  EXPECT_EQ(Read(report).status()[0].Value("Received-From-MTA"), "dns; [192.0.2.7] ([192.0.2.1])");
  report.original.peer = "";
  EXPECT_EQ(Read(report).status()[0].Value("Received-From-MTA"), "(none)") << "a message of our own";
}

TEST(Dsn, LongRepliesAreFolded) {
  Report report = Failure();
  std::string note = "550 5.7.1 ";
  for (int i = 0; i < 60; ++i) absl::StrAppend(&note, "word", i, " ");
  absl::StrAppend(&note, "\nsecond line\n\n   \nlast");
  report.recipients[0].note = note;
  const std::string text = Compose(report);
  for (const std::string_view line :
       {"Diagnostic-Code: smtp; 550 5.7.1 word0 word1", "\r\n    second line\r\n    last"}) {
    EXPECT_TRUE(absl::StrContains(text, line)) << text;
  }
  std::string unfolded = StatusOf(report).Value("Diagnostic-Code");
  absl::RemoveExtraAsciiWhitespace(&unfolded);
  EXPECT_TRUE(absl::StrContains(unfolded, "word58 word59 second line last")) << unfolded;
}

TEST(Dsn, WordsWithoutEndAreBroken) {
  Report report = Failure();
  const std::string ascii = absl::StrCat("550 ", std::string(3000, 'x'));
  report.recipients[0].note = ascii;
  EXPECT_EQ(StatusOf(report).Value("Status"), "5.0.0");
  // Between characters, not within one.
  std::string utf8 = "550 y";
  for (int i = 0; i < 1000; ++i) utf8 += "\xE2\x82\xAC";
  report.recipients[0].note = utf8;
  report.recipients[0].address = "\xC3\xBC@far.example";
  EXPECT_FALSE(absl::StrContains(Compose(report), '?'));
  EXPECT_TRUE(IsUtf8(Compose(report)));
  const std::string endless(5000, 'z');
  report.recipients[0].remote = endless;
  Compose(report);
}

TEST(Dsn, IsUtf8WhenAnAddressIs) {
  Report report = Failure();
  report.original.flags = kEnvelopeUtf8;
  report.recipients[0].note = "550 5.1.1 \xC3\xBC is unknown";
  EXPECT_FALSE(NeedsUtf8(report)) << "only a reply is";
  EXPECT_EQ(StatusOf(report).Value("Diagnostic-Code"), "smtp; 550 5.1.1 ? is unknown");
  EXPECT_EQ(Read(report).parts[1].header.Value("Content-Type"), "message/delivery-status");

  report.recipients[0].address = "\xC3\xBC@far.example";
  EXPECT_TRUE(NeedsUtf8(report));
  const ReadReport read = Read(report);
  EXPECT_EQ(read.header.Value("Content-Transfer-Encoding"), "8bit");
  EXPECT_EQ(read.parts[0].header.Value("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(read.parts[0].header.Value("Content-Transfer-Encoding"), "8bit");
  EXPECT_EQ(read.parts[1].header.Value("Content-Type"), "message/global-delivery-status");
  EXPECT_EQ(StatusOf(report).Value("Final-Recipient"), "utf-8;\xC3\xBC@far.example");
  EXPECT_EQ(StatusOf(report).Value("Diagnostic-Code"), "smtp; 550 5.1.1 \xC3\xBC is unknown");

  for (std::string_view Report::*address : {&Report::to, &Report::postmaster}) {
    Report other = Failure();
    other.*address = "\xC3\xBC@x.example";
    EXPECT_TRUE(NeedsUtf8(other));
  }
}

TEST(Dsn, AnOriginalRecipientInUtf8FitsTheReport) {
  struct Case {
    std::string_view orcpt;
    std::string_view ascii;  // in a report that is ASCII
    std::string_view utf8;
  };
  constexpr Case kCases[] = {
      {"utf-8;\\x{FC}@x.example", "utf-8;\\x{FC}@x.example", "utf-8;\xC3\xBC@x.example"},
      {"UTF-8;\xE2\x82\xAC@x.example", "UTF-8;\\x{20AC}@x.example", "UTF-8;\xE2\x82\xAC@x.example"},
      {"utf-8;\\x{1F600}+40x.example", "utf-8;\\x{1F600}@x.example", "utf-8;\xF0\x9F\x98\x80@x.example"},
      {"utf-8;\\x{7FF}\\x{800}\\x{41}", "utf-8;\\x{7FF}\\x{800}\\x{41}",
       "utf-8;\xDF\xBF\xE0\xA0\x80"
       "A"},
      // What is no character is left as it was said.
      {"utf-8;\\x{D800}", "utf-8;\\x{D800}", "utf-8;\\x{D800}"},
      {"utf-8;\\x{FFFFFF}", "utf-8;\\x{FFFFFF}", "utf-8;\\x{FFFFFF}"},
      {"utf-8;\\x{0D}\\x{0A}X:", "utf-8;\\x{0D}\\x{0A}X:", "utf-8;\\x{0D}\\x{0A}X:"},
      {"utf-8;\\x{12", "utf-8;\\x{12", "utf-8;\\x{12"},
      {"utf-8;\\x{1234567890}", "utf-8;\\x{1234567890}", "utf-8;\\x{1234567890}"},
  };
  for (const Case& c : kCases) {
    Report report = Failure();
    report.recipients[0].orcpt = c.orcpt;
    EXPECT_EQ(StatusOf(report).Value("Original-Recipient"), c.ascii);
    report.recipients[0].address = "\xC3\xBC@far.example";
    EXPECT_EQ(StatusOf(report).Value("Original-Recipient"), c.utf8);
  }
}

TEST(Dsn, WhatIsReturnedIsNamedByWhatItHolds) {
  struct Case {
    ReturnedContent returned;
    bool eight_bit;
    bool header_eight_bit;
    uint8_t flags;
    std::string_view type;
    std::string_view encoding;
  };
  constexpr Case kCases[] = {
      {ReturnedContent::kHeader, false, false, 0, "text/rfc822-headers", "(none)"},
      {ReturnedContent::kHeader, true, true, 0, "text/rfc822-headers", "8bit"},
      {ReturnedContent::kHeader, true, true, kEnvelopeUtf8, "message/global-headers", "8bit"},
      {ReturnedContent::kMessage, false, false, kEnvelopeUtf8, "message/rfc822", "(none)"},
      {ReturnedContent::kMessage, true, false, kEnvelopeUtf8, "message/rfc822", "8bit"},
      {ReturnedContent::kMessage, true, true, kEnvelopeUtf8, "message/global", "8bit"},
  };
  for (const Case& c : kCases) {
    Report report = Failure();
    report.returned = c.returned;
    report.eight_bit = c.eight_bit;
    report.header_eight_bit = c.header_eight_bit;
    report.original.flags = c.flags;
    const ReadReport read = Read(report, "A: b\r\n\r\nc");
    ASSERT_EQ(read.parts.size(), 3u);
    EXPECT_EQ(read.parts[2].header.Value("Content-Type"), c.type);
    EXPECT_EQ(read.parts[2].header.Value("Content-Transfer-Encoding"), c.encoding);
    EXPECT_EQ(read.header.Value("Content-Transfer-Encoding"), c.encoding) << "of the whole, too";
    EXPECT_EQ(read.parts[2].body, "A: b\r\n\r\nc");
    EXPECT_EQ(NeedsUtf8(report), c.type.starts_with("message/global"));
  }
}

}  // namespace
}  // namespace postern
