// The courier and its connections: which host, how many, for how long. On real loopback sockets.

#include "relay/smtp_courier.h"

#include <atomic>
#include <chrono>
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/relay/courier_fixture.h"

namespace postern {
namespace {

using Server = ScriptedServer;

std::string PoliteServer(std::string_view line, int) { return Polite(line); }
std::string Silent(std::string_view, int) { return ""; }

TEST_F(CourierTest, KeepsAConnectionForEightMessages) {
  Server server(PoliteServer);
  Open();
  const Route& route = To({At(server)});
  for (size_t i = 1; i <= 9; ++i) {
    EXPECT_TRUE(AllDelivered(SendAndSettle(route)));
    EXPECT_EQ(ends_.back(), AttemptEnd::kAnswered);
  }
  EXPECT_EQ(server.connection_count, 2);
  RunUntilClosed();
  EXPECT_EQ(server.Count("QUIT\n"), 2);
}

TEST_F(CourierTest, WithoutALimitItIsKeptForAll) {
  Server server(PoliteServer);
  Open();
  Route& route = To({At(server)});
  route.messages_per_connection_max = 0;
  for (size_t i = 1; i <= 20; ++i) EXPECT_TRUE(AllDelivered(SendAndSettle(route)));
  EXPECT_EQ(server.connection_count, 1);
  RunUntilClosed();
}

TEST_F(CourierTest, ThePeerMayAllowFewer) {
  Server server([](std::string_view line, int) {
    return absl::StartsWith(line, "EHLO") ? std::string("250-hello\r\n250 LIMITS MAILMAX=2") : Polite(line);
  });
  Open();
  const Route& route = To({At(server)});
  for (size_t i = 1; i <= 5; ++i) EXPECT_TRUE(AllDelivered(SendAndSettle(route)));
  RunUntilClosed();
  EXPECT_EQ(server.connection_count, 3);
}

TEST_F(CourierTest, AKeptConnectionIsForItsOwnDestination) {
  Server server(PoliteServer);
  dns_.SetMx("a.example", {{10, "mail.example"}});
  dns_.SetMx("b.example", {{10, "mail.example"}});
  dns_.SetAddresses("mail.example", {"127.0.0.1"});
  Open();
  const Route& route = Mx(server.port);
  SendAndSettle(route, {.domain = "a.example", .destination = 1});
  SendAndSettle(route, {.domain = "a.example", .destination = 1});
  EXPECT_EQ(server.connection_count, 1);
  SendAndSettle(route, {.domain = "b.example", .destination = 1});  // the number is another domain's now
  EXPECT_EQ(server.connection_count, 2);
  SendAndSettle(route, {.domain = "a.example", .destination = 2});
  EXPECT_EQ(server.connection_count, 3);
  RunUntilClosed();
}

TEST_F(CourierTest, SeveralAtOnceAndLargeOnes) {
  Server server(PoliteServer);
  Open();
  const Route& route = To({At(server)});
  for (int i = 0; i < 5; ++i) Give(route, {.piece_count = 20'000});
  RunUntilFinished(5);
  for (const auto& attempt : attempts_) EXPECT_TRUE(AllDelivered(*attempt));
  EXPECT_EQ(server.connection_count, 5);
  RunUntilClosed();
}

SocketAddress Place(const char* ip, uint16_t port) { return {.ip = *IpAddress::Parse(ip), .port = port, .path = {}}; }

TEST_F(CourierTest, TriesTheNextExchangeInTheSameAttempt) {
  Server refusing([](std::string_view, int) { return std::string("554 not today"); });
  const uint16_t port = refusing.port;
  Server busy([](std::string_view, int) { return std::string("421 too many of you"); }, Place("127.0.0.2", port));
  Server hanging_up([](std::string_view line, int) { return line.empty() ? std::string("!") : Polite(line); },
                    Place("127.0.0.3", port));
  Server rude([](std::string_view line, int) { return line.empty() ? Polite(line) : std::string("550 go away"); },
              Place("127.0.0.4", port));
  Server shutting_at_mail(
      [](std::string_view line, int) {
        return absl::StartsWith(line, "MAIL") ? std::string("421 going down") : Polite(line);
      },
      Place("127.0.0.5", port));
  Server good(PoliteServer, Place("127.0.0.7", port));
  dns_.SetMx("example.org", {{1, "refusing"},
                             {2, "busy"},
                             {3, "hanging-up"},
                             {4, "rude"},
                             {5, "shutting"},
                             {6, "nobody"},
                             {7, "gone"},
                             {8, "good"},
                             {9, "better-not"}});
  const char* const names[] = {"refusing", "busy", "hanging-up", "rude", "shutting", "nobody"};
  const char* const addresses[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6"};
  for (int i = 0; i < 6; ++i) dns_.SetAddresses(names[i], {addresses[i]});
  dns_.SetAddresses("good", {"127.0.0.7"});
  dns_.SetAddresses("better-not", {"127.0.0.8"});
  Open();
  const Attempt& attempt = Send(Mx(port), {.domain = "example.org"});
  EXPECT_TRUE(AllDelivered(attempt));
  EXPECT_EQ(attempt.host, absl::StrCat("127.0.0.7:", port));
  EXPECT_EQ(attempt.remote, "good");
  EXPECT_EQ(Count(DeliveryEventKind::kConnectFailed), 6);
  EXPECT_EQ(ends_[0], AttemptEnd::kAnswered);
  RunUntilClosed();
  EXPECT_TRUE(absl::StrContains(rude.heard(), "EHLO us.example\nHELO us.example\n"));
}

// What a server says to MAIL, and else is polite.
Server::Answer AtMail(std::string reply) {
  return [reply = std::move(reply)](std::string_view line, int) {
    return absl::StartsWith(line, "MAIL") ? reply : Polite(line);
  };
}

TEST_F(CourierTest, WhoDoesNotWantTheMessageNowIsPassedOver) {
  Server busy(AtMail("451 4.3.0 later"));
  Server good(PoliteServer);
  Open();
  EXPECT_TRUE(AllDelivered(Send(To({At(busy), At(good)}))));
  EXPECT_EQ(ends_[0], AttemptEnd::kAnswered);
  EXPECT_EQ(event_texts_.size(), 3u) << "two connections, one refusal";
  EXPECT_TRUE(absl::EndsWith(event_texts_[1], " later")) << event_texts_[1];
  EXPECT_TRUE(absl::EndsWith(busy.heard(), "\nQUIT\n")) << busy.heard();
  RunUntilClosed();
}

TEST_F(CourierTest, TheLastWhoDoesNotWantItNowHasTheWord) {
  Server first(AtMail("451 4.3.0 later"));
  Server last(AtMail("450 4.7.1 much later"));
  Open();
  Route& route = To({At(first), At(last)});
  const Attempt& attempt = SendAndSettle(route);
  EXPECT_EQ(FateOf(attempt), Fate::kDeferred);
  EXPECT_EQ(attempt.results[0].reply.text, "much later");
  EXPECT_EQ(ends_[0], AttemptEnd::kAnswered);
  EXPECT_EQ(courier_->connection_count(), 1u) << "there is no other, so this connection is kept";
  RunUntilClosed();
}

TEST_F(CourierTest, WhatOneSaidIsWorthMoreThanThatTheOthersAreSilent) {
  Server busy(AtMail("451 4.3.0 later"));
  Open();
  const Attempt& attempt = Send(To({At(busy), {"127.0.0.1", ClosedPort()}}), {.recipient_count = 3});
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(FateOf(attempt, i), Fate::kDeferred);
    EXPECT_EQ(attempt.results[i].reply.code, 451);
  }
  EXPECT_EQ(attempt.host, At(busy).ToString());
  EXPECT_EQ(attempt.remote, "[127.0.0.1]");
  EXPECT_EQ(ends_[0], AttemptEnd::kAnswered) << "the destination is not down";
  EXPECT_TRUE(courier_->closed());
}

TEST_F(CourierTest, AKeptConnectionIsLeftForTheNextHostAsWell) {
  Server first([](std::string_view line, int) {
    thread_local int mail_count = 0;
    return absl::StartsWith(line, "MAIL") && ++mail_count == 2 ? std::string("452 4.3.1 no room") : Polite(line);
  });
  Server second(PoliteServer, Place("127.0.0.2", first.port));
  dns_.SetMx("example.org", {{10, "first.example"}, {20, "second.example"}});
  dns_.SetAddresses("first.example", {"127.0.0.1"});
  dns_.SetAddresses("second.example", {"127.0.0.2"});
  Open();
  Route& route = Mx(first.port);
  route.recipients_per_transaction_max = 2;
  EXPECT_TRUE(AllDelivered(Send(route, {.domain = "example.org", .recipient_count = 5})));
  EXPECT_EQ(first.connection_count, 1);
  EXPECT_EQ(second.connection_count, 1);
  EXPECT_EQ(first.Count("RCPT "), 4);
  EXPECT_EQ(second.Count("RCPT "), 3) << "only who was left";
  RunUntilClosed();
}

TEST_F(CourierTest, ARefusalForGoodIsAnAnswer) {
  Server refusing(AtMail("550 5.7.1 not you"));
  Server good(PoliteServer);
  Open();
  const Attempt& attempt = Send(To({At(refusing), At(good)}));
  EXPECT_EQ(FateOf(attempt), Fate::kRefused);
  EXPECT_EQ(attempt.results[0].reply.code, 550);
  EXPECT_EQ(ends_[0], AttemptEnd::kAnswered);
  EXPECT_EQ(good.connection_count, 0);
  RunUntilClosed();
}

TEST_F(CourierTest, WhenNobodyAnswersTheDestinationIsUnreachable) {
  Open();
  const Attempt& attempt = Send(To({{"127.0.0.1", ClosedPort()}}));
  EXPECT_EQ(FateOf(attempt), Fate::kDeferred);
  EXPECT_EQ(ends_[0], AttemptEnd::kUnreachable);
  EXPECT_TRUE(absl::StrContains(attempt.results[0].reply.text, "refused")) << attempt.results[0].reply.text;
  EXPECT_EQ(attempt.results[0].reply.enhanced, "4.4.1");
  EXPECT_NE(attempt.host, "");
  EXPECT_EQ(attempt.remote, "") << "nobody spoke";
  EXPECT_TRUE(courier_->closed());
}

TEST_F(CourierTest, WhatDnsSaysOfADomain) {
  dns_.SetMx("null.example", {{0, ""}});
  dns_.Set("ill.example", DnsType::kMx, DnsStatus::kFailed);
  Open();
  const Route& route = Mx(25);
  EXPECT_EQ(FateOf(Send(route, {.domain = "null.example"})), Fate::kRefused);
  EXPECT_EQ(attempts_[0]->results[0].reply.code, 0);
  EXPECT_EQ(attempts_[0]->results[0].reply.enhanced, "5.1.10");
  EXPECT_EQ(attempts_[0]->remote, "");
  EXPECT_EQ(ends_[0], AttemptEnd::kAnswered);
  EXPECT_TRUE(events_.empty()) << "the relay tells of recipients that are refused";
  EXPECT_EQ(FateOf(Send(route, {.domain = "ill.example"})), Fate::kDeferred);
  EXPECT_EQ(ends_[1], AttemptEnd::kUnreachable);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(event_texts_[0],
            "ill.example ill.example cannot look up the mail exchanges of ill.example: SERVFAIL from 192.0.2.53:53");
  EXPECT_TRUE(courier_->closed());
}

TEST_F(CourierTest, OurselvesAmongTheExchanges) {
  Server ourselves(PoliteServer);
  options_.own_addresses = {*SocketAddress::Parse(absl::StrCat("127.0.0.1:", ourselves.port))};
  dns_.SetMx("example.org", {{10, "alias.example"}});
  dns_.SetAddresses("alias.example", {"127.0.0.1"});
  Open();
  const Attempt& attempt = Send(Mx(ourselves.port), {.domain = "example.org"});
  EXPECT_EQ(FateOf(attempt), Fate::kRefused);
  EXPECT_EQ(attempt.results[0].reply.enhanced, "5.4.6");
  EXPECT_EQ(ourselves.connection_count, 0);
}

TEST_F(CourierTest, NamedHostsShareTheWork) {
  Server one(PoliteServer);
  Server two(PoliteServer);
  Open();
  Route& route = To({At(one), At(two)});
  route.messages_per_connection_max = 1;
  for (size_t i = 1; i <= 6; ++i) Send(route);
  EXPECT_EQ(one.connection_count, 3);
  EXPECT_EQ(two.connection_count, 3);
  RunUntilClosed();
}

TEST_F(CourierTest, AHostThatFailedIsTriedAfterAllOthers) {
  Server good(PoliteServer);
  Open();
  Route& route = To({{"127.0.0.1", ClosedPort()}, At(good)});
  route.messages_per_connection_max = 1;
  for (size_t i = 1; i <= 6; ++i) EXPECT_TRUE(AllDelivered(Send(route)));
  EXPECT_EQ(good.connection_count, 6);
  EXPECT_EQ(Count(DeliveryEventKind::kConnectFailed), 1);
  RunUntilClosed();
}

TEST_F(CourierTest, TheLimitOfAHostCountsForAllDestinations) {
  std::atomic<bool> go{false};
  Server server([&go](std::string_view line, int) {
    while (line == "DATA" && !go) std::this_thread::yield();
    return Polite(line);
  });
  dns_.SetMx("a.example", {{10, "mail.example"}});
  dns_.SetMx("b.example", {{10, "mail.example"}});
  dns_.SetAddresses("mail.example", {"127.0.0.1"});
  Open();
  Route& route = Mx(server.port);
  route.connection_count_max = 1;
  Give(route, {.domain = "a.example", .destination = 1});
  RunUntil([&] { return absl::StrContains(server.heard(), "DATA"); });
  Give(route, {.domain = "b.example", .destination = 2});
  RunUntilFinished(1);
  EXPECT_EQ(ends_[0], AttemptEnd::kUntried);
  EXPECT_TRUE(attempts_[1]->results.empty());
  go = true;
  RunUntilFinished(2);
  EXPECT_TRUE(AllDelivered(*attempts_[0]));
  for (int turn = 0; turn < 3; ++turn) RunOnce();

  // The connection is kept for one domain; another of the same route need not wait for its end.
  EXPECT_TRUE(AllDelivered(SendAndSettle(route, {.domain = "b.example", .destination = 2})));
  EXPECT_EQ(server.connection_count, 1);
  // Another route may have other rules.
  Route& other = Mx(server.port);
  other.connection_count_max = 1;
  Send(other, {.domain = "a.example", .destination = 3});
  EXPECT_EQ(ends_.back(), AttemptEnd::kUntried);
  EXPECT_EQ(server.connection_count, 1);
  RunUntilClosed();
}

TEST_F(CourierTest, AFullHostIsPassedOver) {
  Server full([](std::string_view line, int) { return line == "DATA" ? std::string() : Polite(line); });
  Server free(PoliteServer);
  Open();
  Route& route = To({At(full), At(free)});
  route.connection_count_max = 1;
  route.messages_per_connection_max = 1;
  Give(route);
  RunUntil([&] { return absl::StrContains(full.heard(), "DATA"); });
  for (int i = 0; i < 3; ++i) {
    const Attempt& attempt = Give(route);
    RunUntilFinished(static_cast<size_t>(i) + 1);
    EXPECT_TRUE(AllDelivered(attempt));
    RunUntil([&] { return courier_->connection_count() == 1; });
  }
  EXPECT_EQ(free.connection_count, 3);
  courier_->Abort();
  RunUntil([this] { return courier_->closed(); });
}

TEST_F(CourierTest, AKeptConnectionThatDiedIsNoFailure) {
  Server server([](std::string_view line, int connection) {
    static std::atomic<int> mail_count{0};
    if (connection == 0 && absl::StartsWith(line, "MAIL") && ++mail_count == 2) return std::string("!");
    return Polite(line);
  });
  Open();
  const Route& route = To({At(server)});
  SendAndSettle(route);
  EXPECT_TRUE(AllDelivered(Send(route)));
  EXPECT_EQ(server.connection_count, 2);
  EXPECT_EQ(Count(DeliveryEventKind::kConnectFailed), 0);
  RunUntilClosed();
}

TEST_F(CourierTest, APeerThatLeavesAnIdleConnectionLeavesNothingBehind) {
  Server server(
      [](std::string_view line, int) { return line == "." ? std::string("250 ok\r\n421 bye") : Polite(line); });
  Open();
  const Route& route = To({At(server)});
  EXPECT_TRUE(AllDelivered(Send(route)));
  RunUntil([this] { return courier_->closed(); });
  EXPECT_TRUE(AllDelivered(Send(route)));
  RunUntil([this] { return courier_->closed(); });
  EXPECT_EQ(Count(DeliveryEventKind::kConnectFailed), 0);
}

TEST_F(CourierTest, LearnsThatAHostTakesOneMessageAConnection) {
  Server server([](std::string_view line, int) {
    thread_local int mail_count = 0;
    if (absl::StartsWith(line, "MAIL") && ++mail_count > 1) return std::string("503 one is enough");
    return Polite(line);
  });
  Open();
  const Route& route = To({At(server)});
  for (size_t i = 1; i <= 4; ++i) EXPECT_TRUE(AllDelivered(SendAndSettle(route)));
  RunUntilClosed();
  EXPECT_EQ(server.connection_count, 4);
  EXPECT_EQ(server.Count("MAIL "), 5) << "503 was heard once";
}

TEST_F(CourierTest, ASilentHostTimesOut) {
  Server server(Silent);
  options_.client.timeouts.greeting = std::chrono::milliseconds(50);
  Open();
  Send(To({At(server)}));
  EXPECT_EQ(ends_[0], AttemptEnd::kUnreachable);
  EXPECT_EQ(events_.back(), DeliveryEventKind::kTimedOut);
  RunUntilClosed();
}

TEST_F(CourierTest, AnIdleConnectionIsClosed) {
  Server server(PoliteServer);
  options_.idle_close = std::chrono::milliseconds(30);
  Open();
  Send(To({At(server)}));
  RunUntil([this] { return courier_->closed(); });
  EXPECT_TRUE(absl::StrContains(server.heard(), "\nQUIT\n"));
}

TEST_F(CourierTest, AStopDoesNotWaitForAName) {
  dns_.answers_per_turn = 0;
  Open();
  const Attempt& attempt = Give(Mx(25), {.domain = "example.org"});
  courier_->Turn();
  courier_->Abort();
  ASSERT_EQ(ends_.size(), 1u);
  EXPECT_EQ(ends_[0], AttemptEnd::kNeither);
  EXPECT_EQ(FateOf(attempt), Fate::kDeferred);
  EXPECT_TRUE(courier_->closed());
}

TEST_F(CourierTest, AbortEndsWhateverIsUnderWay) {
  Server server([](std::string_view line, int) { return line == "DATA" ? std::string() : Polite(line); });
  Server kind(PoliteServer);
  Server silent(Silent);
  dns_.answers_per_turn = 0;
  Open();
  SendAndSettle(To({At(kind)}), {.destination = 7});  // idle
  Give(To({At(server)}), {.destination = 1});         // in mid-transaction
  Give(To({At(silent)}), {.destination = 2});         // before the greeting
  RunUntil([&] { return absl::StrContains(server.heard(), "DATA") && silent.connection_count == 1; });
  Give(To({{"slow.example", 25}}), {.destination = 3});  // its name is being asked
  courier_->Turn();
  Give(To({At(kind)}), {.destination = 4});  // connecting
  courier_->Turn();
  Give(To({At(kind)}), {.destination = 5});  // not begun
  EXPECT_EQ(courier_->connection_count(), 6u);
  courier_->Abort();
  Give(To({At(kind)}), {.destination = 6});  // too late
  RunUntilFinished(7);
  for (size_t i = 1; i < 7; ++i) {
    EXPECT_EQ(ends_[i], AttemptEnd::kNeither) << i;
    EXPECT_EQ(FateOf(*attempts_[i]), Fate::kDeferred) << i;
    EXPECT_EQ(attempts_[i]->results[0].reply.text.substr(0, 19), "Postern is stopping") << i;
  }
  RunUntil([this] { return courier_->closed(); });
  EXPECT_EQ(Count(DeliveryEventKind::kConnectFailed), 0) << "nobody is to blame";
}

}  // namespace
}  // namespace postern
