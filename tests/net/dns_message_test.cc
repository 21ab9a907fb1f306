// What is read of a message of DNS, and what is refused.

#include "net/dns_message.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/net/dns_bytes.h"

namespace postern {
namespace {

constexpr DnsRecordType kMx = DnsRecordType::kMx;

// A header that promises one answer, and `rest`.
std::string WithOneAnswer(const std::string& rest) {
  return ShortBytes(7) + ShortBytes(0x8180) + ShortBytes(0) + ShortBytes(1) + ShortBytes(0) + ShortBytes(0) + rest;
}

std::string MxRecord(const std::string& owner, const std::string& data) {
  return owner + ShortBytes(15) + ShortBytes(1) + LongBytes(300) + ShortBytes(static_cast<uint16_t>(data.size())) +
         data;
}

// A name of so many octets, with its end.
std::string NameOf(size_t size) {
  std::string bytes;
  for (size_t left = size - 1; left > 0;) {
    const size_t label = std::min<size_t>(left - 1, 63);
    bytes += static_cast<char>(label) + std::string(label, 'x');
    left -= label + 1;
  }
  return bytes + '\0';
}

TEST(DnsMessage, EveryTypeIsReadAndOthersAreLeftOut) {
  const std::string bytes = DnsBytes()
                                .Question("a.example", kMx)
                                .Answer("A.Example", kMx, 300, MxBytes(10, "MX.a.example"))
                                .Answer("a.example", static_cast<DnsRecordType>(16), 300, "\4text")
                                .Answer("w.example", DnsRecordType::kCname, 60, NameBytes("a.example"))
                                .Answer("mx.a.example", DnsRecordType::kA, 7, AddressBytes("192.0.2.1"))
                                .Answer("mx.a.example", DnsRecordType::kAaaa, 8, AddressBytes("2001:db8::1"))
                                .Authority("example", DnsRecordType::kSoa, 900, SoaBytes(120))
                                .Authority("example", DnsRecordType::kNs, 900, NameBytes("ns.example"))
                                .str();
  const std::optional<DnsMessage> message = ParseDnsMessage(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->rcode, DnsRcode::kNoError);
  EXPECT_FALSE(message->authoritative);
  ASSERT_EQ(message->answers.size(), 4u);
  EXPECT_EQ(message->answers[0].owner, "a.example");
  EXPECT_EQ(message->answers[0].preference, 10);
  EXPECT_EQ(message->answers[0].host, "mx.a.example");
  EXPECT_EQ(message->answers[0].ttl_s, 300u);
  EXPECT_EQ(message->answers[1].host, "a.example");
  EXPECT_EQ(message->answers[2].address, *IpAddress::Parse("192.0.2.1"));
  EXPECT_EQ(message->answers[3].address, *IpAddress::Parse("2001:db8::1"));
  ASSERT_EQ(message->authorities.size(), 2u);
  EXPECT_EQ(message->authorities[0].minimum_s, 120u);
  EXPECT_EQ(message->authorities[1].host, "ns.example");
}

TEST(DnsMessage, HeaderIsRead) {
  const auto message =
      ParseDnsMessage(DnsBytes(DnsBytes::kResponse | DnsBytes::kAuthoritative).Rcode(DnsRcode::kServerFailure).str());
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->rcode, DnsRcode::kServerFailure);
  EXPECT_TRUE(message->authoritative);
  EXPECT_FALSE(ParseDnsMessage(DnsBytes(0x0100).str()).has_value()) << "a query is no answer";
  EXPECT_EQ(ToText(DnsRcode::kServerFailure), "SERVFAIL");
  EXPECT_EQ(ToText(static_cast<DnsRcode>(9)), "RCODE 9");
}

TEST(DnsMessage, CompressedNamesAreFollowedBack) {
  // "a.example" stands at 12; the exchange is "mx" and a pointer to it, the owner a pointer alone.
  const std::string question = NameBytes("a.example") + ShortBytes(15) + ShortBytes(1);
  const std::string pointer = ShortBytes(0xC00C);
  const std::string bytes = ShortBytes(7) + ShortBytes(0x8180) + ShortBytes(1) + ShortBytes(1) + ShortBytes(0) +
                            ShortBytes(0) + question + MxRecord(pointer, ShortBytes(5) + "\2mx" + pointer);
  const std::optional<DnsMessage> message = ParseDnsMessage(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->answers.at(0).owner, "a.example");
  EXPECT_EQ(message->answers.at(0).host, "mx.a.example");
}

TEST(DnsMessage, APointerLeadsBackOrTheMessageIsRefused) {
  const std::string data = ShortBytes(5) + NameBytes("mx");
  EXPECT_TRUE(ParseDnsMessage(WithOneAnswer(MxRecord(NameBytes("a"), data))).has_value());
  // The owner begins at 12: to itself, to later, and beyond the end.
  for (const uint16_t target : {0xC00C, 0xC00D, 0xC020, 0xFFFF}) {
    EXPECT_FALSE(ParseDnsMessage(WithOneAnswer(MxRecord(ShortBytes(target), data))).has_value()) << target;
  }
  // A label, then a pointer to that label: it would never end.
  EXPECT_FALSE(ParseDnsMessage(WithOneAnswer(MxRecord("\1a" + ShortBytes(0xC00C), data))).has_value());
  EXPECT_FALSE(ParseDnsMessage(WithOneAnswer("\xC0")).has_value()) << "half a pointer";
}

TEST(DnsMessage, NamesHave255OctetsAtMost) {
  const std::string data = ShortBytes(5) + NameBytes("mx");
  EXPECT_TRUE(ParseDnsMessage(WithOneAnswer(MxRecord(NameOf(255), data))).has_value());
  EXPECT_FALSE(ParseDnsMessage(WithOneAnswer(MxRecord(NameOf(256), data))).has_value());
  EXPECT_FALSE(ParseDnsMessage(WithOneAnswer(MxRecord("\x40" + std::string(64, 'x') + '\0', data))).has_value())
      << "a label has 63 at most; these two bits are reserved";
}

TEST(DnsMessage, WhatWouldBeUnclearInATextIsEscaped) {
  const std::string odd("\7a.b\\ \n\xE9", 8);
  const auto message = ParseDnsMessage(WithOneAnswer(MxRecord(NameBytes("a"), ShortBytes(5) + odd + NameBytes("Mx"))));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->answers.at(0).host, "a\\046b\\092\\032\\010\\233.mx");
  EXPECT_FALSE(IsDnsName(message->answers.at(0).host));
}

TEST(DnsMessage, DataHasTheSizeThatItSays) {
  for (const std::string& data : {ShortBytes(5), ShortBytes(5) + NameBytes("mx") + "x", std::string()}) {
    EXPECT_FALSE(ParseDnsMessage(WithOneAnswer(MxRecord(NameBytes("a"), data))).has_value()) << data.size();
  }
  EXPECT_FALSE(ParseDnsMessage(DnsBytes().Answer("a", DnsRecordType::kA, 1, "12345").str()).has_value());
  EXPECT_FALSE(ParseDnsMessage(DnsBytes().Answer("a", DnsRecordType::kAaaa, 1, "1234").str()).has_value());
}

TEST(DnsMessage, EveryCutIsRefused) {
  const std::string bytes = DnsBytes()
                                .Question("a.example", kMx)
                                .Answer("a.example", kMx, 300, MxBytes(10, "mx.a.example"))
                                .Authority("example", DnsRecordType::kSoa, 900, SoaBytes(120))
                                .str();
  ASSERT_TRUE(ParseDnsMessage(bytes).has_value());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseDnsMessage(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
}

TEST(DnsMessage, ATtlWithTheHighestBitIsZero) {
  const auto message = ParseDnsMessage(DnsBytes().Answer("a", DnsRecordType::kA, 0x80000001, "1234").str());
  EXPECT_EQ(message->answers.at(0).ttl_s, 0u) << "RFC 2181 8";
}

TEST(DnsMessage, NamesThatDnsCouldKnow) {
  for (const std::string_view name : {"a", "mx.a.example", "_dmarc.a.example", "1-2.example"}) {
    EXPECT_TRUE(IsDnsName(name)) << name;
  }
  for (const std::string_view name : {"", ".", "a.", ".a", "a..b", "a b", "a\\b", "\xC3\xA4.example", "a\n"}) {
    EXPECT_FALSE(IsDnsName(name)) << name;
  }
  const std::string label(63, 'x');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'x');
  EXPECT_TRUE(IsDnsName(longest));
  EXPECT_FALSE(IsDnsName(longest + "x"));
  EXPECT_FALSE(IsDnsName(label + "x"));
}

}  // namespace
}  // namespace postern
