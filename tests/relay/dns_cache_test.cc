#include "relay/dns_cache.h"

#include <chrono>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/relay/scripted_dns.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class DnsCacheTest : public testing::Test {
 protected:
  // What the cache knows now, without asking for more than it has to.
  const DnsQuestion* Find(const char* name, DnsType type = DnsType::kAddresses) {
    return cache_.Find(name, type, now_);
  }
  const DnsQuestion* Ask(const char* name, DnsType type = DnsType::kAddresses) {
    if (Find(name, type) == nullptr) cache_.Turn(now_);
    return Find(name, type);
  }
  size_t asked_count() const { return dns_.asked.size(); }

  ScriptedDns dns_;
  DnsCache cache_{dns_, 3};
  MonotonicTime now_{1'000'000'000'000};
};

TEST_F(DnsCacheTest, AsksOnceForAllWhoWantTheSame) {
  dns_.SetAddresses("mail.example", {"192.0.2.1"});
  std::vector<int> told;
  struct Person {
    std::vector<int>* told;
    int number;
  };
  Person people[] = {{&told, 0}, {&told, 1}, {&told, 2}};
  const auto answered = [](DnsWaiter& waiter) {
    const Person& person = *static_cast<Person*>(waiter.owner);
    person.told->push_back(person.number);
  };
  DnsWaiter waiters[3];
  for (int i = 0; i < 3; ++i) {
    waiters[i] = {.answered = answered, .owner = &people[i]};
    EXPECT_EQ(Find("mail.example"), nullptr);
    cache_.Wait("mail.example", DnsType::kAddresses, waiters[i]);
  }
  cache_.StopWaiting(waiters[1]);
  EXPECT_TRUE(told.empty()) << "no answer inside the call that asks";
  cache_.Turn(now_);
  EXPECT_EQ(told, (std::vector<int>{0, 2}));
  EXPECT_EQ(asked_count(), 1u);
  ASSERT_NE(Find("mail.example"), nullptr);
  EXPECT_EQ(Find("mail.example")->addresses[0].ToString(), "192.0.2.1");
  cache_.StopWaiting(waiters[0]);  // it does not wait any more: nothing happens
}

TEST_F(DnsCacheTest, ANameHasAnAnswerForEachType) {
  dns_.SetAddresses("example.org", {"192.0.2.1"});
  dns_.SetMx("example.org", {{10, "mail.example"}});
  ASSERT_NE(Ask("example.org"), nullptr);
  ASSERT_NE(Ask("example.org", DnsType::kMx), nullptr);
  EXPECT_EQ(Find("example.org", DnsType::kMx)->exchanges[0].host, "mail.example");
  EXPECT_EQ(dns_.asked, (std::vector<std::string>{"a example.org", "mx example.org"}));
}

TEST_F(DnsCacheTest, AnAnswerIsGoodForItsTtl) {
  dns_.SetAddresses("mail.example", {"192.0.2.1"});
  dns_.SetTtl("mail.example", DnsType::kAddresses, seconds(60));
  ASSERT_NE(Ask("mail.example"), nullptr);
  now_ = now_ + (seconds(60) - milliseconds(1));
  EXPECT_NE(Find("mail.example"), nullptr);
  dns_.SetAddresses("mail.example", {"192.0.2.2"});
  now_ = now_ + milliseconds(1);
  EXPECT_EQ(Find("mail.example"), nullptr);
  cache_.Turn(now_);
  EXPECT_EQ(Find("mail.example")->addresses[0].ToString(), "192.0.2.2");
  EXPECT_EQ(asked_count(), 2u);
}

TEST_F(DnsCacheTest, OneThatMayNotBeKeptServesThoseWhoAsked) {
  dns_.SetAddresses("mail.example", {"192.0.2.1"});
  dns_.SetTtl("mail.example", DnsType::kAddresses, {});
  ASSERT_NE(Ask("mail.example"), nullptr);
  now_ = now_ + DnsCache::kTtlMin;
  EXPECT_EQ(Find("mail.example"), nullptr);
}

TEST_F(DnsCacheTest, NothingIsKeptForEver) {
  dns_.SetAddresses("mail.example", {"192.0.2.1"});
  dns_.SetTtl("mail.example", DnsType::kAddresses, hours(24 * 365));
  dns_.Set("gone.example", DnsType::kMx, DnsStatus::kNoName);
  dns_.SetTtl("gone.example", DnsType::kMx, hours(24 * 365));
  Ask("mail.example");
  Ask("gone.example", DnsType::kMx);
  now_ = now_ + DnsCache::kNegativeTtlMax;
  EXPECT_EQ(Find("gone.example", DnsType::kMx), nullptr);
  EXPECT_NE(Find("mail.example"), nullptr);
  now_ = now_ + DnsCache::kTtlMax;
  EXPECT_EQ(Find("mail.example"), nullptr);
}

TEST_F(DnsCacheTest, NoSuchNameIsAnAnswerAndAFailureIsForgottenSoon) {
  dns_.Set("gone.example", DnsType::kAddresses, DnsStatus::kNoName);
  dns_.Set("bare.example", DnsType::kAddresses, DnsStatus::kNoData);
  dns_.Set("ill.example", DnsType::kAddresses, DnsStatus::kFailed);
  EXPECT_EQ(Ask("gone.example")->status, DnsStatus::kNoName);
  EXPECT_EQ(Ask("bare.example")->status, DnsStatus::kNoData);
  EXPECT_EQ(Ask("ill.example")->status, DnsStatus::kFailed);
  now_ = now_ + DnsCache::kFailureTime;
  EXPECT_NE(Find("gone.example"), nullptr);
  EXPECT_NE(Find("bare.example"), nullptr);
  EXPECT_EQ(Find("ill.example"), nullptr);
  EXPECT_EQ(asked_count(), 4u);
}

TEST_F(DnsCacheTest, WhatGoesStaleFirstMakesRoom) {
  for (const char* const name : {"one", "two", "three", "four"}) dns_.SetAddresses(name, {"192.0.2.1"});
  dns_.SetTtl("one", DnsType::kAddresses, seconds(300));
  dns_.SetTtl("two", DnsType::kAddresses, seconds(100));
  dns_.SetTtl("three", DnsType::kAddresses, seconds(200));
  for (const char* const name : {"one", "two", "three", "four"}) ASSERT_NE(Ask(name), nullptr);
  EXPECT_EQ(cache_.entry_count(), 3u);
  EXPECT_NE(Find("one"), nullptr);
  EXPECT_NE(Find("three"), nullptr);
  EXPECT_NE(Find("four"), nullptr);
  EXPECT_EQ(Find("two"), nullptr);
}

TEST_F(DnsCacheTest, WhatIsUnderWayStays) {
  dns_.answers_per_turn = 0;
  for (const char* const name : {"one", "two", "three", "four", "five"}) {
    dns_.SetAddresses(name, {"192.0.2.1"});
    EXPECT_EQ(Find(name), nullptr);
  }
  EXPECT_EQ(cache_.entry_count(), 5u);
  dns_.answers_per_turn = 5;
  cache_.Turn(now_);
  EXPECT_NE(Find("one"), nullptr);
  EXPECT_EQ(Find("six"), nullptr);
  EXPECT_EQ(cache_.entry_count(), 3u) << "it is bounded again as soon as it can be";
}

}  // namespace
}  // namespace postern
