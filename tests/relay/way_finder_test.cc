// Every row of the table in relay/way_finder.h.

#include "relay/way_finder.h"

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/relay/scripted_dns.h"

namespace postern {
namespace {

class WayFinderTest : public testing::Test {
 protected:
  WayFinderTest() {
    mx_.kind = RouteKind::kMx;
    options_.hostname = "us.example";
    options_.own_addresses = {*SocketAddress::Parse("198.51.100.1:25"), *SocketAddress::Parse("0.0.0.0:25")};
  }

  // "mail.example=192.0.2.1:25,192.0.2.2:25 other.example=" in the order to be tried, or "5.1.2 text" and whether
  // that is for good.
  std::string Find(const Route& route, const std::string& domain = "") {
    if (finder_ == nullptr) finder_ = std::make_unique<WayFinder>(options_, cache_);
    bool told = true;
    WaySearch search(
        *finder_, [](DnsWaiter& waiter) { *static_cast<bool*>(waiter.owner) = true; }, &told);
    search.Start(route, domain);
    dns_.answers_per_turn = 1;
    for (;;) {
      EXPECT_TRUE(told) << "an answer came, and nobody heard of it";
      told = false;
      const Way* const way = search.Find(now_);
      if (way != nullptr) return ToText(*way);
      if (dns_.closed()) return "it waits for nothing";
      while (!told && !dns_.closed()) cache_.Turn(now_);
    }
  }
  std::string FindMx(const std::string& domain) { return Find(mx_, domain); }
  static std::string ToText(const Way& way) {
    if (way.hosts.empty()) {
      const ServerReply& reply = way.verdict.reply;
      EXPECT_EQ(reply.code, 0) << "nobody else has said it";
      EXPECT_EQ(way.verdict.fate, reply.enhanced.starts_with('5') ? Fate::kRefused : Fate::kDeferred);
      return absl::StrCat(reply.enhanced, " ", reply.text);
    }
    std::vector<std::string> hosts;
    for (const WayHost& host : way.hosts) {
      hosts.push_back(
          absl::StrCat(host.name, "=", absl::StrJoin(host.addresses, ",", [](std::string* out, const SocketAddress& a) {
                         absl::StrAppend(out, a.ToString());
                       })));
    }
    return absl::StrJoin(hosts, " ");
  }

  ScriptedDns dns_;
  DnsCache cache_{dns_};
  WayOptions options_;
  std::unique_ptr<WayFinder> finder_;
  Route mx_;
  MonotonicTime now_{1'000'000'000'000};
};

TEST_F(WayFinderTest, ExchangesByPreferenceWithAllTheirAddresses) {
  dns_.SetMx("example.org", {{20, "second.example"}, {10, "first.example"}, {30, "third.example"}});
  dns_.SetAddresses("first.example", {"2001:db8::1", "192.0.2.1"});
  dns_.SetAddresses("second.example", {"192.0.2.2"});
  dns_.Set("third.example", DnsType::kAddresses, DnsStatus::kFailed);
  EXPECT_EQ(FindMx("example.org"),
            "first.example=[2001:db8::1]:25,192.0.2.1:25 second.example=192.0.2.2:25 third.example=");
  EXPECT_EQ(dns_.asked.size(), 4u);
  EXPECT_EQ(dns_.asked[0], "mx example.org");
}

TEST_F(WayFinderTest, TheRouteSaysThePort) {
  dns_.SetMx("example.org", {{10, "mail.example"}});
  dns_.SetAddresses("mail.example", {"192.0.2.1"});
  mx_.port = 2525;
  EXPECT_EQ(FindMx("example.org"), "mail.example=192.0.2.1:2525");
}

TEST_F(WayFinderTest, EqualPreferencesInRandomOrderAndTheSameForTheSameSeed) {
  std::vector<MailExchange> exchanges;
  for (int i = 0; i < 4; ++i) {
    const std::string name = absl::StrCat("mx", i, ".example");
    exchanges.push_back({10, name});
    dns_.SetAddresses(name, {"192.0.2.1"});
  }
  exchanges.push_back({5, "best.example"});
  dns_.SetAddresses("best.example", {"192.0.2.9"});
  dns_.SetMx("example.org", exchanges);
  std::vector<std::string> ways;
  std::set<char> firsts;
  for (int i = 0; i < 50; ++i) {
    ways.push_back(FindMx("example.org"));
    EXPECT_TRUE(absl::StartsWith(ways.back(), "best.example=")) << ways.back();
    firsts.insert(ways.back()[std::string("best.example=192.0.2.9:25 mx").size()]);
  }
  EXPECT_EQ(firsts.size(), 4u) << "each is the second one sometimes";
  finder_.reset();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(FindMx("example.org"), ways[static_cast<size_t>(i)]);
}

TEST_F(WayFinderTest, OfManyExchangesTheBestAreTried) {
  std::vector<MailExchange> exchanges;
  for (uint16_t i = 0; i < 100; ++i) exchanges.push_back({static_cast<uint16_t>(200 - i), absl::StrCat("mx", i)});
  for (int i = 0; i < 100; ++i) dns_.SetAddresses(absl::StrCat("mx", i), {"192.0.2.1"});
  dns_.SetMx("example.org", exchanges);
  const std::string way = FindMx("example.org");
  EXPECT_TRUE(absl::StartsWith(way, "mx99=")) << way;
  EXPECT_TRUE(absl::StrContains(way, "mx80=")) << way;
  EXPECT_FALSE(absl::StrContains(way, "mx79=")) << way;
  EXPECT_EQ(dns_.asked.size(), 1 + WayFinder::kHostCountMax);
}

TEST_F(WayFinderTest, ADomainWithoutMxStandsForItself) {
  dns_.Set("example.org", DnsType::kMx, DnsStatus::kNoData);
  dns_.SetAddresses("example.org", {"192.0.2.1"});
  EXPECT_EQ(FindMx("example.org"), "example.org=192.0.2.1:25");
}

TEST_F(WayFinderTest, ADomainThatTakesNoMailIsRefusedAtOnce) {
  EXPECT_EQ(FindMx("gone.example"), "5.1.2 there is no domain gone.example");
  EXPECT_EQ(dns_.asked, (std::vector<std::string>{"mx gone.example"}));

  dns_.SetMx("null.example", {{0, ""}});
  EXPECT_EQ(FindMx("null.example"), "5.1.10 null.example takes no mail (null MX)");

  dns_.Set("bare.example", DnsType::kMx, DnsStatus::kNoData);
  dns_.Set("bare.example", DnsType::kAddresses, DnsStatus::kNoData);
  EXPECT_EQ(FindMx("bare.example"), "5.4.4 bare.example has neither mail exchanges nor an address");

  dns_.Set("odd.example", DnsType::kMx, DnsStatus::kNoData);  // and then NXDOMAIN: it went meanwhile
  EXPECT_EQ(FindMx("odd.example"), "5.1.2 there is no domain odd.example");
}

TEST_F(WayFinderTest, ANullMxBesideOthersIsNone) {
  dns_.SetMx("example.org", {{0, ""}, {10, "mail.example"}});
  dns_.SetAddresses("mail.example", {"192.0.2.1"});
  EXPECT_EQ(FindMx("example.org"), "mail.example=192.0.2.1:25");
}

TEST_F(WayFinderTest, WhatNobodyCanTellIsTriedAgain) {
  dns_.Set("ill.example", DnsType::kMx, DnsStatus::kFailed);
  EXPECT_EQ(FindMx("ill.example"),
            "4.4.3 cannot look up the mail exchanges of ill.example: SERVFAIL from 192.0.2.53:53");

  dns_.SetMx("example.org", {{10, "gone.example"}, {20, "ill.example"}, {30, "gone2.example"}});
  dns_.Set("ill.example", DnsType::kAddresses, DnsStatus::kFailed);
  EXPECT_EQ(FindMx("example.org"), "4.4.3 cannot look up ill.example: SERVFAIL from 192.0.2.53:53");

  dns_.Set("bare.example", DnsType::kMx, DnsStatus::kNoData);
  dns_.Set("bare.example", DnsType::kAddresses, DnsStatus::kFailed);
  EXPECT_EQ(FindMx("bare.example"), "4.4.3 cannot look up bare.example: SERVFAIL from 192.0.2.53:53");
}

TEST_F(WayFinderTest, ExchangesWithoutAnAddressAreTemporary) {
  dns_.SetMx("example.org", {{10, "gone.example"}, {20, "bare.example"}});
  dns_.Set("bare.example", DnsType::kAddresses, DnsStatus::kNoData);
  EXPECT_EQ(FindMx("example.org"), "4.4.4 no host to be tried has an address: bare.example: no address");

  dns_.SetMx("zero.example", {{10, "nowhere.example"}});
  dns_.SetAddresses("nowhere.example", {"0.0.0.0", "::"});
  EXPECT_EQ(FindMx("zero.example"), "4.4.4 no host to be tried has an address: nowhere.example: no address");
}

TEST_F(WayFinderTest, OurselvesAndAllThatAreNoBetterAreDropped) {
  dns_.SetAddresses("better.example", {"192.0.2.1"});
  dns_.SetAddresses("equal.example", {"192.0.2.2"});
  dns_.SetAddresses("worse.example", {"192.0.2.3"});
  dns_.SetAddresses("alias.example", {"192.0.2.9", "198.51.100.1"});
  dns_.SetMx("by-name.example",
             {{30, "worse.example"}, {20, "us.example"}, {20, "equal.example"}, {10, "better.example"}});
  EXPECT_EQ(FindMx("by-name.example"), "better.example=192.0.2.1:25");
  dns_.SetMx("by-address.example",
             {{30, "worse.example"}, {20, "equal.example"}, {20, "alias.example"}, {10, "better.example"}});
  EXPECT_EQ(FindMx("by-address.example"), "better.example=192.0.2.1:25");
  mx_.port = 2525;  // nobody of us listens there
  EXPECT_TRUE(absl::StrContains(FindMx("by-address.example"), "worse.example="));
}

TEST_F(WayFinderTest, MailThatOnlyWeCouldTakeLoops) {
  dns_.SetMx("example.org", {{10, "us.example"}, {20, "worse.example"}});
  EXPECT_EQ(FindMx("example.org"), "5.4.6 mail for example.org loops back to us");

  dns_.SetMx("loop.example", {{10, "alias.example"}});
  dns_.SetAddresses("alias.example", {"127.0.0.1"});  // we listen on all
  EXPECT_EQ(FindMx("loop.example"), "5.4.6 mail for loop.example loops back to us");

  dns_.Set("implicit.example", DnsType::kMx, DnsStatus::kNoData);
  dns_.SetAddresses("implicit.example", {"198.51.100.1"});
  EXPECT_EQ(FindMx("implicit.example"), "5.4.6 mail for implicit.example loops back to us");
}

TEST_F(WayFinderTest, AnotherServerOfThisMachineIsAnotherHost) {
  mx_.port = 2525;
  dns_.SetMx("example.org", {{10, "local.example"}});
  dns_.SetAddresses("local.example", {"127.0.0.1", "::1"});
  EXPECT_EQ(FindMx("example.org"), "local.example=127.0.0.1:2525,[::1]:2525");
}

TEST_F(WayFinderTest, AnAddressLiteralIsTheAddress) {
  EXPECT_EQ(FindMx("[192.0.2.1]"), "192.0.2.1=192.0.2.1:25");
  EXPECT_EQ(FindMx("[ipv6:2001:db8::1]"), "2001:db8::1=[2001:db8::1]:25");
  EXPECT_EQ(FindMx("[2001:db8::1]"), "5.1.2 [2001:db8::1] is no address of a host");
  EXPECT_EQ(FindMx("[192.0.2.1"), "5.1.2 [192.0.2.1 is no address of a host");
  EXPECT_EQ(FindMx("[0.0.0.0]"), "5.1.2 [0.0.0.0] is no address of a host");
  EXPECT_EQ(FindMx("[198.51.100.1]"), "5.4.6 mail for [198.51.100.1] loops back to us");
  EXPECT_TRUE(dns_.asked.empty());
}

TEST_F(WayFinderTest, ADomainOfAnotherScriptIsAskedForByItsALabel) {
  dns_.Set("xn--bcher-kva.example", DnsType::kMx, DnsStatus::kNoData);
  dns_.SetAddresses("xn--bcher-kva.example", {"192.0.2.1"});
  EXPECT_EQ(FindMx("bücher.example"), "xn--bcher-kva.example=192.0.2.1:25");
  EXPECT_EQ(FindMx("büche.example"), "5.1.2 there is no domain büche.example");
  EXPECT_EQ(FindMx("b\xFC.example"), "5.1.2 the recipient's domain is not UTF-8");
}

TEST_F(WayFinderTest, NamedHostsTakeTurnsAtBeingTheFirst) {
  Route route;
  route.kind = RouteKind::kNextHop;
  route.next_hops = {{"a.example", 25}, {"192.0.2.9", 26}, {"::1", 27}};
  dns_.SetAddresses("a.example", {"192.0.2.1", "::ffff:192.0.2.2"});
  const std::string a = "a.example=192.0.2.1:25,192.0.2.2:25";
  EXPECT_EQ(Find(route), a + " 192.0.2.9=192.0.2.9:26 ::1=[::1]:27");
  EXPECT_EQ(Find(route), "192.0.2.9=192.0.2.9:26 ::1=[::1]:27 " + a);
  EXPECT_EQ(Find(route), "::1=[::1]:27 " + a + " 192.0.2.9=192.0.2.9:26");
  EXPECT_EQ(Find(route), a + " 192.0.2.9=192.0.2.9:26 ::1=[::1]:27");
  EXPECT_EQ(dns_.asked, (std::vector<std::string>{"a a.example"})) << "no MX, no search suffix, and once";
}

TEST_F(WayFinderTest, ANamedHostThatIsNotThereIsTheOperatorsToMend) {
  Route route;
  route.kind = RouteKind::kNextHop;
  route.next_hops = {{"gone.example", 25}};
  EXPECT_EQ(Find(route), "4.4.4 no host to be tried has an address: gone.example: NXDOMAIN");
}

TEST_F(WayFinderTest, LmtpOverAUnixSocket) {
  Route route;
  route.kind = RouteKind::kLmtp;
  route.unix_socket = "/run/dovecot/lmtp";
  EXPECT_EQ(Find(route), "/run/dovecot/lmtp=unix:/run/dovecot/lmtp");
}

TEST_F(WayFinderTest, ASearchThatStopsHearsNothing) {
  finder_ = std::make_unique<WayFinder>(options_, cache_);
  dns_.answers_per_turn = 1;
  bool told = false;
  {
    WaySearch search(
        *finder_, [](DnsWaiter& waiter) { *static_cast<bool*>(waiter.owner) = true; }, &told);
    search.Start(mx_, "example.org");
    EXPECT_EQ(search.Find(now_), nullptr);
    EXPECT_EQ(search.Find(now_), nullptr);  // asked in vain
    search.Start(mx_, "example.net");
    EXPECT_EQ(search.Find(now_), nullptr);
    cache_.Turn(now_);
    EXPECT_FALSE(told) << "that was an answer to what is not asked any more";
  }
  cache_.Turn(now_);
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace postern
