// The DnsClient of the program against a name server on loopback: what it finds, what it makes of trouble, and that it
// lets go of everything.

#include "net/dns_client_ares.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "net/poller.h"
#include "tests/net/dns_bytes.h"
#include "tests/net/dns_server.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr DnsRecordType kMx = DnsRecordType::kMx;
constexpr DnsRecordType kA = DnsRecordType::kA;
constexpr DnsRecordType kAaaa = DnsRecordType::kAaaa;
constexpr DnsRecordType kCname = DnsRecordType::kCname;

std::vector<std::string> One(const DnsBytes& bytes) { return {bytes.str()}; }

class DnsClientAres : public testing::Test {
 protected:
  ~DnsClientAres() override {
    if (client_ == nullptr) return;
    client_->Close();
    EXPECT_TRUE(Until([&] { return client_->closed(); })) << "it did not let go";
  }

  DnsServer& Serve(DnsServer::Answer answer) { return servers_.emplace_back(std::move(answer)); }

  // A client of the servers so far, and of `others`.
  void MakeClient(Duration timeout = seconds(5), int try_count = 2, std::vector<SocketAddress> others = {}) {
    DnsOptions options{.servers = std::move(others), .timeout = timeout, .try_count = try_count};
    for (const DnsServer& server : servers_) options.servers.push_back(server.address());
    client_ = MakeDnsClient(options, *poller_, clock_);
  }

  DnsQuestion& Start(std::string name, DnsType type) {
    DnsQuestion& question = questions_.emplace_back();
    question.name = std::move(name);
    question.type = type;
    question.owner = this;
    question.done = [](DnsQuestion& q) { static_cast<DnsClientAres*>(q.owner)->done_.push_back(&q); };
    client_->Start(question);
    EXPECT_FALSE(Done(question)) << "not inside the call that asks";
    EXPECT_TRUE(client_->HasWork());
    return question;
  }

  bool Done(const DnsQuestion& question) const { return std::count(done_.begin(), done_.end(), &question) > 0; }

  // Turns the client and its poller as a reactor does.
  bool Until(const std::function<bool()>& done) {
    const MonotonicTime end = clock_.Monotonic() + seconds(30);
    while (!done()) {
      const MonotonicTime now = clock_.Monotonic();
      if (now >= end) return false;
      const MonotonicTime next = client_->Turn(now);
      const Duration sleep =
          client_->HasWork() ? Duration::zero() : std::min(sleep_max_, std::min(next, end) - clock_.Monotonic());
      std::vector<Op*> home;
      if (!done()) poller_->Wait(std::max(sleep, Duration::zero()), home);
      for (Op* op : home) op->done(*op);
    }
    return clock_.Monotonic() < end;  // nor was it a matter of luck
  }

  const DnsQuestion& Ask(std::string name, DnsType type) {
    const DnsQuestion& question = Start(std::move(name), type);
    EXPECT_TRUE(Until([&] { return Done(question); })) << "it was never answered";
    return question;
  }

  SystemClock clock_;
  Duration sleep_max_ = seconds(60);  // less where a test awaits what only the server knows of
  const std::unique_ptr<Poller> poller_ = MakeSystemPoller();
  std::deque<DnsServer> servers_;
  std::unique_ptr<DnsClient> client_;
  std::deque<DnsQuestion> questions_;
  std::vector<DnsQuestion*> done_;
};

TEST_F(DnsClientAres, ExchangesAreFoundWithTheirTtl) {
  Serve([](const DnsQuery& query) {
    return One(query.Reply()
                   .Answer("a.example", kMx, 300, MxBytes(20, "MX2.a.example"))
                   .Answer("a.example", kMx, 250, MxBytes(10, "mx1.a.example")));
  });
  MakeClient();
  const DnsQuestion& answer = Ask("A.example", DnsType::kMx);
  EXPECT_EQ(answer.status, DnsStatus::kFound);
  EXPECT_EQ(answer.exchanges, (std::vector<MailExchange>{{20, "mx2.a.example"}, {10, "mx1.a.example"}}));
  EXPECT_EQ(answer.ttl, seconds(250));
  EXPECT_EQ(answer.text, "");
  ASSERT_EQ(servers_[0].query_count(), 1u) << "one question, and no other names are tried";
  EXPECT_TRUE(servers_[0].queries()[0].edns);
}

TEST_F(DnsClientAres, ANullMxIsTheRoot) {
  Serve([](const DnsQuery& query) { return One(query.Reply().Answer(query.name, kMx, 300, MxBytes(0, ""))); });
  MakeClient();
  EXPECT_EQ(Ask("a.example", DnsType::kMx).exchanges, (std::vector<MailExchange>{{0, ""}}));
}

TEST_F(DnsClientAres, NoNameAndNoDataHaveTheirTtl) {
  Serve([](const DnsQuery& query) {
    DnsBytes reply = query.Reply();
    if (query.name == "none.example") reply.Rcode(DnsRcode::kNoName);
    return One(reply.Authority("example", DnsRecordType::kSoa, 900, SoaBytes(120)));
  });
  MakeClient();
  EXPECT_EQ(Ask("none.example", DnsType::kMx).status, DnsStatus::kNoName);
  EXPECT_EQ(questions_.back().ttl, seconds(120));
  EXPECT_EQ(questions_.back().text, "there is no none.example");
  EXPECT_EQ(Ask("bare.example", DnsType::kMx).status, DnsStatus::kNoData);
  EXPECT_EQ(Ask("none.example", DnsType::kAddresses).status, DnsStatus::kNoName);
  EXPECT_EQ(Ask("bare.example", DnsType::kAddresses).status, DnsStatus::kNoData);
  EXPECT_EQ(questions_.back().ttl, seconds(120));
}

TEST_F(DnsClientAres, AFailureNamesTheServerAndIsTriedAgain) {
  Serve([](const DnsQuery& query) { return One(query.Reply().Rcode(DnsRcode::kServerFailure)); });
  MakeClient(seconds(5), /*try_count=*/3);
  const DnsQuestion& answer = Ask("a.example", DnsType::kMx);
  EXPECT_EQ(answer.status, DnsStatus::kFailed);
  EXPECT_EQ(answer.text, absl::StrCat("SERVFAIL from ", servers_[0].address().ToString()));
  EXPECT_EQ(servers_[0].query_count(), 3u);
}

TEST_F(DnsClientAres, AnotherServerMayDoBetter) {
  Serve([](const DnsQuery& query) { return One(query.Reply().Rcode(DnsRcode::kRefused)); });
  Serve([](const DnsQuery& query) { return One(query.Reply().Answer(query.name, kMx, 300, MxBytes(1, "mx"))); });
  MakeClient(seconds(5), 2, {DeadDnsServer()});
  EXPECT_EQ(Ask("a.example", DnsType::kMx).status, DnsStatus::kFound);
  EXPECT_EQ(servers_[0].query_count(), 1u);
}

TEST_F(DnsClientAres, SilenceEndsAfterTheTries) {
  Serve([](const DnsQuery&) { return std::vector<std::string>(); });
  MakeClient(milliseconds(50), /*try_count=*/2);
  const MonotonicTime start = clock_.Monotonic();
  const DnsQuestion& answer = Ask("a.example", DnsType::kMx);
  EXPECT_EQ(answer.status, DnsStatus::kFailed);
  EXPECT_EQ(answer.text, absl::StrCat("no answer in time from ", servers_[0].address().ToString()));
  EXPECT_GE(clock_.Monotonic() - start, milliseconds(150)) << "50 and then twice as long";
  sleep_max_ = milliseconds(10);
  EXPECT_TRUE(Until([&] { return servers_[0].query_count() >= 2; }));
}

TEST_F(DnsClientAres, WhereNobodyListensIsKnownAtOnce) {
  const SocketAddress dead = DeadDnsServer();
  MakeClient(seconds(60), 2, {dead});
  const DnsQuestion& answer = Ask("a.example", DnsType::kMx);
  EXPECT_EQ(answer.status, DnsStatus::kFailed);
  EXPECT_EQ(answer.text, absl::StrCat("no usable answer from ", dead.ToString()));
}

TEST_F(DnsClientAres, ATruncatedAnswerIsAskedForOverTcp) {
  Serve([](const DnsQuery& query) {
    if (!query.tcp) return One(query.Reply(DnsBytes::kResponse | DnsBytes::kTruncated));
    DnsBytes reply = query.Reply();
    for (uint16_t i = 0; i < 300; ++i) reply.Answer(query.name, kMx, 300, MxBytes(i, absl::StrCat("mx", i, ".test")));
    return One(reply);
  });
  MakeClient();
  for (const char* name : {"a.example", "b.example"}) {
    const DnsQuestion& answer = Ask(name, DnsType::kMx);
    EXPECT_EQ(answer.status, DnsStatus::kFound) << answer.text;
    ASSERT_EQ(answer.exchanges.size(), kExchangeCountMax);
    EXPECT_EQ(answer.exchanges[99], (MailExchange{99, "mx99.test"}));
  }
}

TEST_F(DnsClientAres, ATcpConnectionThatEndsWithoutAnAnswerFails) {
  Serve([](const DnsQuery& query) {
    // A message of no bytes, and the end.
    return query.tcp ? std::vector<std::string>{""} : One(query.Reply(DnsBytes::kResponse | DnsBytes::kTruncated));
  });
  MakeClient();
  EXPECT_EQ(Ask("a.example", DnsType::kMx).status, DnsStatus::kFailed);
}

TEST_F(DnsClientAres, AChainOfCnamesIsFollowedFromAnswerToAnswer) {
  Serve([](const DnsQuery& query) {
    if (query.name == "a.example") return One(query.Reply().Answer("a.example", kCname, 100, NameBytes("b.example")));
    if (query.name == "b.example") return One(query.Reply().Answer("b.example", kCname, 90, NameBytes("c.example")));
    return One(query.Reply().Answer(query.name, kMx, 300, MxBytes(1, "mx")));
  });
  MakeClient();
  const DnsQuestion& answer = Ask("a.example", DnsType::kMx);
  EXPECT_EQ(answer.status, DnsStatus::kFound);
  EXPECT_EQ(answer.ttl, seconds(90));
  EXPECT_EQ(servers_[0].query_count(), 3u);
}

TEST_F(DnsClientAres, ACircleOfCnamesEnds) {
  Serve([](const DnsQuery& query) {
    return One(query.Reply().Answer(query.name, kCname, 100, NameBytes(query.name == "a" ? "b" : "a")));
  });
  MakeClient();
  const DnsQuestion& answer = Ask("a", DnsType::kMx);
  EXPECT_EQ(answer.status, DnsStatus::kFailed);
  EXPECT_TRUE(absl::StrContains(answer.text, "CNAME")) << answer.text;
  EXPECT_EQ(servers_[0].query_count(), static_cast<size_t>(kCnameCountMax) + 1);
}

TEST_F(DnsClientAres, NonsenseIsNoAnswer) {
  Serve([](const DnsQuery& query) {
    const std::string good = query.Reply().Answer(query.name, kMx, 300, MxBytes(1, "mx")).str();
    if (query.name == "broken.example") return std::vector<std::string>{good.substr(0, good.size() - 1)};
    DnsQuery other = query;
    ++other.id;
    const std::string forged = other.Reply().Answer(query.name, kMx, 300, MxBytes(1, "evil")).str();
    return std::vector<std::string>{"", "x", std::string(100, '\xFF'), forged, good};
  });
  MakeClient();
  const DnsQuestion& good = Ask("a.example", DnsType::kMx);
  EXPECT_EQ(good.status, DnsStatus::kFound);
  EXPECT_EQ(good.exchanges, (std::vector<MailExchange>{{1, "mx"}}));
  const DnsQuestion& broken = Ask("broken.example", DnsType::kMx);
  EXPECT_EQ(broken.status, DnsStatus::kFailed);
  EXPECT_EQ(broken.text, absl::StrCat("an answer that cannot be read from ", servers_[0].address().ToString()));
}

TEST_F(DnsClientAres, AServerWithoutEdnsIsAskedWithout) {
  Serve([](const DnsQuery& query) {
    if (query.edns) return One(query.Reply().Rcode(DnsRcode::kFormatError));
    return One(query.Reply().Answer(query.name, kMx, 300, MxBytes(1, "mx")));
  });
  MakeClient();
  EXPECT_EQ(Ask("a.example", DnsType::kMx).status, DnsStatus::kFound);
}

TEST_F(DnsClientAres, AddressesOfBothFamiliesComeByTurns) {
  Serve([](const DnsQuery& query) {
    DnsBytes reply = query.Reply();
    if (query.type == kAaaa) reply.Answer(query.name, kAaaa, 40, AddressBytes("2001:db8::1"));
    if (query.type != kA) return One(reply);
    for (const char* text : {"192.0.2.1", "192.0.2.2"}) reply.Answer(query.name, kA, 50, AddressBytes(text));
    return One(reply);
  });
  MakeClient();
  const DnsQuestion& answer = Ask("mx.example", DnsType::kAddresses);
  EXPECT_EQ(answer.status, DnsStatus::kFound);
  EXPECT_EQ(answer.addresses, (std::vector{*IpAddress::Parse("2001:db8::1"), *IpAddress::Parse("192.0.2.1"),
                                           *IpAddress::Parse("192.0.2.2")}));
  EXPECT_EQ(answer.ttl, seconds(40));
}

TEST_F(DnsClientAres, OneFamilyIsEnoughButAFailureIsNoAbsence) {
  Serve([](const DnsQuery& query) {
    if (query.type == kAaaa) return One(query.Reply().Rcode(DnsRcode::kServerFailure));
    if (query.name == "bare.example") return One(query.Reply());
    return One(query.Reply().Answer(query.name, kA, 50, AddressBytes("192.0.2.1")));
  });
  MakeClient();
  const DnsQuestion& found = Ask("mx.example", DnsType::kAddresses);
  EXPECT_EQ(found.status, DnsStatus::kFound);
  EXPECT_EQ(found.addresses, std::vector{*IpAddress::Parse("192.0.2.1")});
  EXPECT_EQ(found.ttl, seconds(50));
  const DnsQuestion& failed = Ask("bare.example", DnsType::kAddresses);
  EXPECT_EQ(failed.status, DnsStatus::kFailed);
  EXPECT_TRUE(absl::StartsWith(failed.text, "SERVFAIL from ")) << failed.text;
}

TEST_F(DnsClientAres, AddressesAreBounded) {
  Serve([](const DnsQuery& query) {
    DnsBytes reply = query.Reply();
    for (int i = 0; i < 50 && query.type == kA; ++i) {
      reply.Answer(query.name, kA, 50, AddressBytes(absl::StrCat("192.0.2.", i)));
    }
    return One(reply);
  });
  MakeClient();
  EXPECT_EQ(Ask("mx.example", DnsType::kAddresses).addresses.size(), kDnsAddressCountMax);
}

TEST_F(DnsClientAres, WhatNeedsNoServerIsNotAsked) {
  Serve([](const DnsQuery&) { return std::vector<std::string>(); });
  MakeClient();
  EXPECT_EQ(Ask("2001:db8::1", DnsType::kAddresses).addresses, std::vector{*IpAddress::Parse("2001:db8::1")});
  const DnsQuestion& localhost = Ask("localhost", DnsType::kAddresses);
  EXPECT_EQ(localhost.status, DnsStatus::kFound) << "the machine's table of hosts";
  EXPECT_EQ(std::count(localhost.addresses.begin(), localhost.addresses.end(), *IpAddress::Parse("127.0.0.1")), 1);
  for (const char* name : {"", "a..b", "a b", "\xC3\xA4.example"}) {
    EXPECT_EQ(Ask(name, DnsType::kMx).status, DnsStatus::kNoName) << name;
    EXPECT_NE(questions_.back().text, "");
  }
  EXPECT_EQ(servers_[0].query_count(), 0u);
}

TEST_F(DnsClientAres, HundredsOfQuestionsAtOnce) {
  Serve([](const DnsQuery& query) {
    if (query.type == kMx) return One(query.Reply().Answer(query.name, kMx, 300, MxBytes(1, "mx." + query.name)));
    return One(query.Reply().Answer(query.name, query.type, 300,
                                    AddressBytes(query.type == kA ? "192.0.2.1" : "2001:db8::1")));
  });
  MakeClient();
  for (int i = 0; i < 200; ++i) {
    Start(absl::StrCat("n", i, ".example"), i % 2 == 0 ? DnsType::kMx : DnsType::kAddresses);
  }
  ASSERT_TRUE(Until([&] { return done_.size() == 200; })) << done_.size();
  for (const DnsQuestion& question : questions_) {
    EXPECT_EQ(question.status, DnsStatus::kFound) << question.name << ": " << question.text;
    if (question.type == DnsType::kMx) {
      EXPECT_EQ(question.exchanges.at(0).host, "mx." + question.name);
    } else {
      EXPECT_EQ(question.addresses.size(), 2u);
    }
  }
}

TEST_F(DnsClientAres, CloseEndsAllThatIsUnderWayInTheNextTurn) {
  Serve([](const DnsQuery& query) {  // one by UDP and one by TCP wait for ever
    return query.name == "tcp.example" && !query.tcp ? One(query.Reply(DnsBytes::kResponse | DnsBytes::kTruncated))
                                                     : std::vector<std::string>();
  });
  MakeClient(seconds(60));
  Start("tcp.example", DnsType::kMx);
  for (int i = 0; i < 150; ++i) Start(absl::StrCat("n", i, ".example"), DnsType::kAddresses);
  sleep_max_ = milliseconds(10);
  ASSERT_TRUE(Until([&] {
    const std::vector<DnsQuery> queries = servers_[0].queries();
    return queries.size() > 100 && std::any_of(queries.begin(), queries.end(), [](const DnsQuery& q) { return q.tcp; });
  }));
  EXPECT_TRUE(done_.empty());
  client_->Close();
  EXPECT_TRUE(client_->HasWork());
  EXPECT_TRUE(done_.empty()) << "not inside Close()";
  client_->Turn(clock_.Monotonic());
  while (client_->HasWork()) client_->Turn(clock_.Monotonic());
  ASSERT_EQ(done_.size(), 151u);
  for (const DnsQuestion* question : done_) EXPECT_EQ(question->status, DnsStatus::kFailed);
  EXPECT_FALSE(client_->closed()) << "its sockets are still on their way";
}

TEST_F(DnsClientAres, AnAnswerMayLeadToAnotherQuestion) {
  Serve([](const DnsQuery& query) { return One(query.Reply().Answer(query.name, kMx, 300, MxBytes(1, "mx"))); });
  MakeClient();
  struct Chain {
    DnsClient& client;
    int left = 5;
  } chain{*client_};
  DnsQuestion question{.name = "a.example"};
  question.owner = &chain;
  question.done = [](DnsQuestion& q) {
    auto& asked = *static_cast<Chain*>(q.owner);
    if (--asked.left > 0) asked.client.Start(q);
  };
  client_->Start(question);
  EXPECT_TRUE(Until([&] { return chain.left == 0; }));
  EXPECT_EQ(question.exchanges.size(), 1u) << "the answer before is forgotten";
  EXPECT_EQ(servers_[0].query_count(), 5u);
}

TEST_F(DnsClientAres, TheSystemsServersAreTheDefault) {
  client_ = MakeDnsClient({}, *poller_, clock_);
  EXPECT_FALSE(client_->HasWork());
  EXPECT_EQ(client_->Turn(clock_.Monotonic()), kNever);
  EXPECT_EQ(Ask("localhost", DnsType::kAddresses).status, DnsStatus::kFound);
}

}  // namespace
}  // namespace postern
