// The simulated DNS keeps what net/dns_client.h promises, late and badly as it may answer.

#include "tests/sim/sim_dns.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/sim/sim_clock.h"

namespace postern {
namespace {

constexpr Duration kTtl = std::chrono::minutes(5);

class SimDnsTest : public testing::Test {
 protected:
  DnsQuestion Ask(SimDns& dns, std::string name, DnsType type) {
    const std::unique_ptr<DnsClient> client = dns.MakeClient();
    bool done = false;
    DnsQuestion question{.name = std::move(name), .type = type};
    question.owner = &done;
    question.done = [](DnsQuestion& q) { *static_cast<bool*>(q.owner) = true; };
    client->Start(question);
    EXPECT_FALSE(done) << "not inside the call that asks";
    const MonotonicTime start = clock_.Monotonic();
    while (!done) {
      const MonotonicTime next = client->Turn(clock_.Monotonic());
      if (done) break;
      EXPECT_NE(next, kNever);
      clock_.AdvanceTo(next);
      EXPECT_TRUE(client->HasWork());
    }
    took_ = clock_.Monotonic() - start;
    return question;
  }

  SimClock clock_;
  Duration took_{};
};

TEST_F(SimDnsTest, AnswersByItsTable) {
  SimDns dns(clock_, 1);
  dns.SetExchanges("A.example", {{.preference = 10, .host = "mx.a.example"}}, kTtl);
  dns.SetAddresses("mx.a.example", {*IpAddress::Parse("192.0.2.1")}, kTtl);
  const DnsQuestion mx = Ask(dns, "a.EXAMPLE", DnsType::kMx);
  EXPECT_EQ(mx.status, DnsStatus::kFound);
  EXPECT_EQ(mx.exchanges, (std::vector<MailExchange>{{.preference = 10, .host = "mx.a.example"}}));
  EXPECT_EQ(mx.ttl, kTtl);
  EXPECT_EQ(Ask(dns, "mx.a.example", DnsType::kAddresses).addresses.size(), 1u);
  EXPECT_EQ(Ask(dns, "mx.a.example", DnsType::kMx).status, DnsStatus::kNoData);
  EXPECT_EQ(Ask(dns, "b.example", DnsType::kMx).status, DnsStatus::kNoName);
  EXPECT_EQ(Ask(dns, "192.0.2.7", DnsType::kAddresses).addresses[0], *IpAddress::Parse("192.0.2.7"));
  dns.Remove("a.example");
  EXPECT_EQ(Ask(dns, "a.example", DnsType::kMx).status, DnsStatus::kNoName);
  EXPECT_EQ(dns.question_count(), 5u) << "a literal is not asked";
  EXPECT_EQ(dns.question_count("a.example"), 2u);
}

TEST_F(SimDnsTest, ABrokenNameTakesItsTimeOut) {
  SimDns dns(clock_, 1, {.timeout = std::chrono::seconds(20)});
  dns.SetExchanges("sick.example", {{.preference = 10, .host = "mx"}}, kTtl);
  dns.SetBroken("sick.example", true);
  EXPECT_EQ(Ask(dns, "sick.example", DnsType::kMx).status, DnsStatus::kFailed);
  EXPECT_EQ(took_, std::chrono::seconds(20));
  dns.SetBroken("sick.example", false);
  EXPECT_EQ(Ask(dns, "sick.example", DnsType::kMx).status, DnsStatus::kFound);
}

TEST_F(SimDnsTest, FailsAsOftenAsItIsToldUntilItIsHealed) {
  SimDns dns(clock_, 7, {.failure = 0.5});
  dns.SetExchanges("a.example", {{.preference = 10, .host = "mx"}}, kTtl);
  int failure_count = 0;
  for (int i = 0; i < 100; ++i) {
    if (Ask(dns, "a.example", DnsType::kMx).status == DnsStatus::kFailed) ++failure_count;
  }
  EXPECT_GT(failure_count, 25);
  EXPECT_LT(failure_count, 75);
  dns.Heal();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Ask(dns, "a.example", DnsType::kMx).status, DnsStatus::kFound);
}

TEST_F(SimDnsTest, CloseEndsWhatIsUnderWayInTheNextTurn) {
  SimDns dns(clock_, 1);
  const std::unique_ptr<DnsClient> client = dns.MakeClient();
  bool done = false;
  DnsQuestion question{.name = "a.example"};
  question.owner = &done;
  question.done = [](DnsQuestion& q) { *static_cast<bool*>(q.owner) = true; };
  client->Start(question);
  client->Close();
  EXPECT_FALSE(done || client->closed());
  EXPECT_TRUE(client->HasWork());
  EXPECT_EQ(client->Turn(clock_.Monotonic()), kNever);
  EXPECT_TRUE(done && client->closed());
  EXPECT_EQ(question.status, DnsStatus::kFailed);
}

}  // namespace
}  // namespace postern
