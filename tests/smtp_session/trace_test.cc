#include "smtp/trace.h"

#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr WallTime kSomeTime{1'795'622'621 * kSecond};  // 2026-11-25 16:03:41 UTC

std::string Date(int64_t seconds) {
  std::string date;
  AppendDate({seconds * kSecond}, date);
  return date;
}

std::string Received(const Trace& trace) {
  std::string header;
  AppendReceived(trace, header);
  return header;
}

Trace Sample() {
  return {.helo = "client.example",
          .peer = "192.0.2.7",
          .hostname = "gateway.example",
          .protocol = TransferProtocol::kEsmtp,
          .id = {0x06'5D'3A'11'22'33'44'01},
          .time = kSomeTime};
}

TEST(Trace, DatesAreThoseOfRfc5322) {
  EXPECT_EQ(Date(1'795'622'621), "Wed, 25 Nov 2026 16:03:41 +0000");
  EXPECT_EQ(Date(0), "Thu, 1 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(Date(951'782'399), "Mon, 28 Feb 2000 23:59:59 +0000");
  EXPECT_EQ(Date(951'782'400), "Tue, 29 Feb 2000 00:00:00 +0000");
  EXPECT_EQ(Date(4'107'542'400), "Mon, 1 Mar 2100 00:00:00 +0000");
}

TEST(Trace, IsFoldedAndWhole) {
  EXPECT_EQ(Received(Sample()),
            "Received: from client.example ([192.0.2.7])\r\n"
            "\tby gateway.example with ESMTP id " +
                std::string(ToText(Sample().id).view()) +
                ";\r\n"
                "\tWed, 25 Nov 2026 16:03:41 +0000\r\n");
}

// RFC 3848, and RFC 6531 3.7.3.
TEST(Trace, NamesTheProtocol) {
  Trace trace = Sample();
  trace.protocol = TransferProtocol::kSmtp;
  EXPECT_NE(Received(trace).find(" with SMTP id "), std::string::npos);
  trace.protocol = TransferProtocol::kUtf8Smtp;
  EXPECT_NE(Received(trace).find(" with UTF8SMTP id "), std::string::npos);
}

// RFC 5321 4.1.3: an IPv6 address carries its tag.
TEST(Trace, TagsIpv6) {
  Trace trace = Sample();
  trace.peer = "2001:db8::1";
  EXPECT_NE(Received(trace).find(" ([IPv6:2001:db8::1])\r\n"), std::string::npos);
}

TEST(Trace, RepeatsLiteralsAndNames) {
  for (const char* helo : {"[192.0.2.7]", "[IPv6:2001:db8::1]", "a-b.c_d.example", "x"}) {
    Trace trace = Sample();
    trace.helo = helo;
    EXPECT_NE(Received(trace).find("from " + std::string(helo) + " ("), std::string::npos) << helo;
  }
}

TEST(Trace, RepeatsNothingThatCouldBeMoreThanAName) {
  for (const char* helo : {"", "a b", "x\r\nBcc: y", "(comment)", "x;y", "%s%n", "\"q\"", "j\xC3\xBCrgen", "a\x01"}) {
    Trace trace = Sample();
    trace.helo = helo;
    EXPECT_EQ(Received(trace).find("Received: from unknown ("), 0u) << helo;
  }
}

TEST(Trace, FitsItsBound) {
  const std::string name(255, 'a');
  Trace trace = Sample();
  trace.helo = name;
  trace.hostname = name;
  trace.peer = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  trace.protocol = TransferProtocol::kUtf8Smtp;
  EXPECT_LE(Received(trace).size(), kReceivedSizeMax);
  const std::string too_long(256, 'a');
  trace.helo = too_long;
  EXPECT_EQ(Received(trace).find("Received: from unknown ("), 0u);
}

}  // namespace
}  // namespace postern
