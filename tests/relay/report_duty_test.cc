#include "relay/report_duty.h"

#include "gtest/gtest.h"

namespace postern {
namespace {

Duty DutyOf(std::string_view sender, uint8_t notify, uint8_t flags = 0) {
  EnvelopeHead head;
  head.sender = sender;
  head.flags = flags;
  Recipient recipient;
  recipient.address = "b@far.example";
  recipient.notify = notify;
  return FailureDuty(head, recipient);
}

bool Owes(bool (*owes)(const EnvelopeHead&, const Recipient&), std::string_view sender, uint8_t notify,
          uint8_t flags = 0) {
  EnvelopeHead head;
  head.sender = sender;
  head.flags = flags;
  Recipient recipient;
  recipient.notify = notify;
  return owes(head, recipient);
}

TEST(ReportDuty, EveryNotifyOfASender) {
  for (int notify = 0; notify < 16; ++notify) {
    const bool never = (notify & kNotifyNever) != 0;
    if (never && notify != kNotifyNever) continue;  // RFC 3461 4.1 has no such value
    const auto bits = static_cast<uint8_t>(notify);
    const bool failure = notify == 0 || (notify & kNotifyFailure) != 0;
    EXPECT_EQ(DutyOf("a@x.example", bits), failure ? Duty::kReport : Duty::kNone) << notify;
    EXPECT_EQ(Owes(OwesSuccess, "a@x.example", bits), (notify & kNotifySuccess) != 0) << notify;
    EXPECT_EQ(Owes(OwesDelay, "a@x.example", bits), notify == 0 || (notify & kNotifyDelay) != 0) << notify;
  }
}

TEST(ReportDuty, NobodyIsNotTold) {
  for (const std::string_view sender : {"", "MAILER-DAEMON@x.example", "mailer-daemon@x.example", "#@[]"}) {
    EXPECT_TRUE(IsNullPath(sender));
    for (const uint8_t notify : {uint8_t{0}, kNotifyNever, kNotifySuccess, kNotifyFailure, kNotifyDelay}) {
      EXPECT_EQ(DutyOf(sender, notify), Duty::kDeadLetter) << sender;
      EXPECT_FALSE(Owes(OwesSuccess, sender, notify));
      EXPECT_FALSE(Owes(OwesDelay, sender, notify));
    }
  }
  for (const std::string_view sender : {"mailer-daemons@x.example", "a@mailer-daemon", "#a@x.example", "x"}) {
    EXPECT_FALSE(IsNullPath(sender)) << sender;
  }
}

TEST(ReportDuty, AReportGoesToPostmasterOnce) {
  EXPECT_EQ(DutyOf("", 0, kEnvelopeReport), Duty::kPostmaster);
  EXPECT_EQ(DutyOf("", 0, kEnvelopeReport | kEnvelopeUtf8 | kEnvelopeEightBit), Duty::kPostmaster);
  EXPECT_EQ(DutyOf("", 0, kEnvelopeLastReport), Duty::kDeadLetter);
  EXPECT_EQ(DutyOf("", kNotifyNever, kEnvelopeLastReport), Duty::kDeadLetter);
  EXPECT_EQ(DutyOf("", kNotifyNever, kEnvelopeReport), Duty::kNone) << "a copy for the administrator";
  for (const uint8_t flags : {kEnvelopeReport, kEnvelopeLastReport}) {
    EXPECT_FALSE(Owes(OwesDelay, "", 0, flags));
    EXPECT_FALSE(Owes(OwesSuccess, "", kNotifySuccess, flags));
  }
}

TEST(ReportDuty, FailuresHaveTypes) {
  struct Case {
    std::string_view note;
    FailureType type;
  };
  constexpr Case kCases[] = {
      {"550 5.1.1 no such user", FailureType::kAddress},
      {"550 5.1.10 null MX", FailureType::kAddress},
      {"552 5.2.2 mailbox full", FailureType::kAddress},
      {"552 5.2.3 too large for the mailbox", FailureType::kContent},
      {"552 5.3.4 too large", FailureType::kContent},
      {"450 4.3.2 busy", FailureType::kHost},
      {"550 5.4.4 no route", FailureType::kHost},
      {"503 5.5.1 what?", FailureType::kHost},
      {"550 5.6.7 no SMTPUTF8", FailureType::kContent},
      {"550 5.7.1 spam", FailureType::kContent},
      {"554 5.4.6 loop", FailureType::kLoop},
      {"554 5.4.14 hop count exceeded", FailureType::kLoop},
      {"550 4.4.7 of another class", FailureType::kAddress},
      {"450 4.4.7 expired", FailureType::kExpired},
      {"expired: 550 5.1.1 whatever", FailureType::kExpired},
      {"550 no such user", FailureType::kAddress},
      {"553 bad name", FailureType::kAddress},
      {"552 too large", FailureType::kContent},
      {"554 no", FailureType::kContent},
      {"421 bye", FailureType::kHost},
      {"521 no mail here", FailureType::kHost},
      {"cannot connect", FailureType::kHost},
      {"5.1.2 there is no domain", FailureType::kAddress},
      {"5.3.4 too large for the peer", FailureType::kContent},
      {"5.4.6 it loops back to us", FailureType::kLoop},
      {"", FailureType::kHost},
  };
  for (const Case& c : kCases) EXPECT_EQ(FailureTypeOf(c.note), c.type) << c.note;
}

}  // namespace
}  // namespace postern
