// What the courier makes of an attempt: transactions, results of each recipient, bodies that are read more than once.

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/relay/courier_fixture.h"

namespace postern {
namespace {

using Server = ScriptedServer;

std::string PoliteServer(std::string_view line, int) { return Polite(line); }
std::string Chunking(std::string_view line) {
  return absl::StartsWith(line, "EHLO") ? "250-hello\r\n250-PIPELINING\r\n250 CHUNKING" : Polite(line);
}

TEST_F(CourierTest, ManyRecipientsGoInSeveralTransactionsOfOneConnection) {
  Server server(PoliteServer);
  Open();
  const Attempt& attempt = Send(To({At(server)}), {.recipient_count = 250, .piece_count = 3});
  EXPECT_TRUE(AllDelivered(attempt));
  EXPECT_EQ(server.connection_count, 1);
  EXPECT_EQ(server.Count("MAIL "), 3);
  EXPECT_EQ(server.Count("RCPT "), 250);
  EXPECT_EQ(server.Count("hello world\n"), 9);
  EXPECT_EQ(RewindCount(attempt), 2);
  RunUntilClosed();
}

TEST_F(CourierTest, WhoIsOneTooManyForThePeerGoesInTheNextTransaction) {
  Server server([](std::string_view line, int) {
    thread_local int rcpt_count = 0;
    if (absl::StartsWith(line, "MAIL")) rcpt_count = 0;
    return absl::StartsWith(line, "RCPT") && ++rcpt_count > 2 ? std::string("452 4.5.3 too many") : Polite(line);
  });
  Open();
  EXPECT_TRUE(AllDelivered(Send(To({At(server)}), {.recipient_count = 7})));
  EXPECT_EQ(server.connection_count, 1);
  EXPECT_EQ(server.Count("MAIL "), 4);
  RunUntilClosed();
}

TEST_F(CourierTest, EachTransactionIsToldOfWhenItIsOver) {
  Server server([](std::string_view line, int) {
    if (absl::StartsWith(line, "RCPT TO:<r0@")) return std::string("550 5.1.1 unknown");
    if (absl::StartsWith(line, "RCPT TO:<r3@")) return std::string("450 4.2.1 busy");
    return Polite(line);
  });
  Open();
  Route& route = To({At(server)});
  route.recipients_per_transaction_max = 2;
  Send(route, {.recipient_count = 5});
  EXPECT_EQ(progress_, (std::vector<std::string>{"-+???", "-++~?"}));
  Send(route);
  EXPECT_EQ(progress_.size(), 2u) << "one transaction is told of by its end";
  RunUntilClosed();
}

TEST_F(CourierTest, ThePeersLimitOfRecipientsIsKept) {
  Server server([](std::string_view line, int) {
    return absl::StartsWith(line, "EHLO") ? std::string("250-hello\r\n250 LIMITS RCPTMAX=3") : Polite(line);
  });
  Open();
  EXPECT_TRUE(AllDelivered(Send(To({At(server)}), {.recipient_count = 7})));
  EXPECT_EQ(server.Count("MAIL "), 3);
  RunUntilClosed();
}

TEST_F(CourierTest, EachRecipientHasItsOwnResult) {
  Server server([](std::string_view line, int) {
    if (absl::StartsWith(line, "RCPT TO:<r1@")) return std::string("550 5.1.1 unknown");
    if (absl::StartsWith(line, "RCPT TO:<r2@")) return std::string("450 4.2.1 busy");
    return Polite(line);
  });
  Open();
  const Attempt& attempt = Send(To({At(server)}), {.recipient_count = 4});
  EXPECT_EQ(FateOf(attempt, 0), Fate::kDelivered);
  EXPECT_EQ(FateOf(attempt, 1), Fate::kRefused);
  EXPECT_EQ(attempt.results[1].reply.enhanced, "5.1.1");
  EXPECT_EQ(FateOf(attempt, 2), Fate::kDeferred);
  EXPECT_EQ(FateOf(attempt, 3), Fate::kDelivered);
  EXPECT_EQ(ends_[0], AttemptEnd::kAnswered);
  RunUntilClosed();
}

TEST_F(CourierTest, WhoIsLeftGoesOnAFreshConnectionWhenThePeerHasHadEnough) {
  Server server([](std::string_view line, int) {
    thread_local int mail_count = 0;
    if (absl::StartsWith(line, "MAIL") && ++mail_count > 1) return std::string("421 4.7.0 one is enough");
    return Polite(line);
  });
  Open();
  Route& route = To({At(server)});
  route.recipients_per_transaction_max = 2;
  const Attempt& attempt = Send(route, {.recipient_count = 5});
  EXPECT_TRUE(AllDelivered(attempt));
  EXPECT_EQ(server.connection_count, 3);
  EXPECT_EQ(Count(DeliveryEventKind::kConnectFailed), 0);
  RunUntilClosed();
}

TEST_F(CourierTest, AHostOfOneMessageAConnectionTakesManyRecipientsToo) {
  Server server([](std::string_view line, int) {
    thread_local int mail_count = 0;
    if (absl::StartsWith(line, "MAIL") && ++mail_count > 1) return std::string("503 one is enough");
    return Polite(line);
  });
  Open();
  Route& route = To({At(server)});
  route.recipients_per_transaction_max = 2;
  route.connection_count_max = 1;
  EXPECT_TRUE(AllDelivered(Send(route, {.recipient_count = 7})));
  EXPECT_EQ(server.connection_count, 4);
  EXPECT_EQ(server.Count("MAIL "), 5);
  RunUntilClosed();
}

TEST_F(CourierTest, WhatWasDeliveredStaysDeliveredWhenTheRestFindsNobody) {
  Server server([](std::string_view line, int connection) {
    thread_local int mail_count = 0;
    if (connection > 0) return std::string("421 4.3.2 going down");
    if (absl::StartsWith(line, "MAIL") && ++mail_count > 1) return std::string("!");
    return Polite(line);
  });
  Open();
  Route& route = To({At(server)});
  route.recipients_per_transaction_max = 2;
  const Attempt& attempt = Send(route, {.recipient_count = 5});
  const std::vector<Fate> fates = {FateOf(attempt, 0), FateOf(attempt, 1), FateOf(attempt, 2), FateOf(attempt, 3),
                                   FateOf(attempt, 4)};
  EXPECT_EQ(fates,
            (std::vector<Fate>{Fate::kDelivered, Fate::kDelivered, Fate::kDeferred, Fate::kDeferred, Fate::kDeferred}));
  EXPECT_EQ(attempt.results[4].reply.code, 421);
  EXPECT_EQ(attempt.remote, "[127.0.0.1]");
  EXPECT_EQ(ends_[0], AttemptEnd::kAnswered);
  RunUntilClosed();
}

TEST_F(CourierTest, ABodyThatWasGivenBeforeTheRefusalIsGivenAgainToTheNextHost) {
  // With CHUNKING and PIPELINING the body is on its way before MAIL is answered.
  Server leaving([](std::string_view line, int) {
    if (absl::StartsWith(line, "MAIL") || absl::StartsWith(line, "RCPT")) return std::string();
    return absl::StartsWith(line, "BDAT") ? std::string("421 4.3.2 going down") : Chunking(line);
  });
  Server good([](std::string_view line, int) { return Chunking(line); });
  Open();
  const Attempt& attempt = Send(To({At(leaving), At(good)}), {.piece_count = 2});
  EXPECT_TRUE(AllDelivered(attempt));
  EXPECT_EQ(RewindCount(attempt), 1);
  EXPECT_EQ(leaving.Count("hello world\r\n"), good.Count("hello world\r\n"));
  EXPECT_EQ(good.Count("hello world\r\n"), 2);
  RunUntilClosed();
}

TEST_F(CourierTest, ARefusalInMidDataIsHeardAtOnce) {
  // It does not read on: without a look at its reply we would wait until the deadline.
  Server server([](std::string_view line, int) {
    return line == "DATA" ? std::string("354 go\r\n552 5.3.4 too much") : Polite(line);
  });
  Open();
  const Attempt& attempt = Send(To({At(server)}), {.piece_count = 2'000'000});
  EXPECT_EQ(FateOf(attempt), Fate::kRefused);
  EXPECT_EQ(attempt.results[0].reply.code, 552);
  EXPECT_EQ(ends_[0], AttemptEnd::kAnswered);
  RunUntilClosed();
}

TEST_F(CourierTest, AMessageThatCannotBeReadIsNobodysFault) {
  Server server(PoliteServer);
  Server next(PoliteServer);
  Open();
  const Attempt& attempt = Send(To({At(server), At(next)}), {.unreadable = true});
  EXPECT_EQ(ends_[0], AttemptEnd::kNeither);
  EXPECT_EQ(FateOf(attempt), Fate::kDeferred);
  EXPECT_TRUE(absl::StrContains(attempt.results[0].reply.text, "the disk is sick")) << attempt.results[0].reply.text;
  EXPECT_EQ(next.connection_count, 0);
  EXPECT_EQ(Count(DeliveryEventKind::kReadFailed), 1);
  RunUntilClosed();
  EXPECT_EQ(server.Count("\n.\n"), 0) << "the peer must not take it for whole";
}

TEST_F(CourierTest, AMessageThatCannotBeReadAgainIsNobodysFaultEither) {
  Server leaving([](std::string_view line, int) {
    if (absl::StartsWith(line, "MAIL") || absl::StartsWith(line, "RCPT")) return std::string();
    return absl::StartsWith(line, "BDAT") ? std::string("421 4.3.2 going down") : Chunking(line);
  });
  Attempt* attempt = nullptr;
  Server next([&attempt](std::string_view line, int) {
    static_cast<RepeatedBody&>(*attempt->stored.body).unreadable = true;  // before it says anything
    return Polite(line);
  });
  Open();
  attempt = &Give(To({At(leaving), At(next)}));
  RunUntilFinished(1);
  EXPECT_EQ(ends_[0], AttemptEnd::kNeither);
  EXPECT_EQ(FateOf(*attempt), Fate::kDeferred);
  EXPECT_EQ(next.Count("\n.\n"), 0);
  RunUntilClosed();
}

}  // namespace
}  // namespace postern
