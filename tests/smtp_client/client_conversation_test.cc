// The client against scripted peers, honest and hostile: each script is played with input and output cut at every size,
// and must give one transcript and one result.

#include "smtp/client_conversation.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/smtp_client/play.h"

namespace postern {
namespace {

constexpr char kEhloAll[] =
    "250-there.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN";

TEST(ClientConversation, PipelinesWhenOffered) {
  const Ending ending =
      PlayAllCuts({{"", "220 there ESMTP"},
                   {"EHLO", kEhloAll},
                   {"MAIL", "250 2.1.0 ok"},
                   {"RCPT", "250 2.1.5 ok"},
                   {"RCPT", "550 5.1.1 unknown"},
                   {"DATA", "354 go"},
                   {".", "250 2.0.0 queued as 7"},
                   {"QUIT", "221 bye"}},
                  {{.recipients = {"b@there.example", "c@there.example"}, .flags = kEnvelopeEightBit}});
  EXPECT_EQ(ending.transcript,
            "EHLO client.example\r\n"
            "MAIL FROM:<a@sender.example> SIZE=22 BODY=8BITMIME RET=HDRS ENVID=QQ314\r\n"
            "RCPT TO:<b@there.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x\r\n"
            "RCPT TO:<c@there.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x\r\n"
            "DATA\r\nSubject: hi\r\n\r\nhello\r\n.\r\nQUIT\r\n");
  EXPECT_EQ(ending.results, "delivered 250 2.0.0 queued as 7 reports\nrefused 550 5.1.1 unknown\n");
}

TEST(ClientConversation, FallsBackToHeloAndGoesStepByStep) {
  const Ending ending = PlayAllCuts({{"", "220-there\r\n220 ready"},
                                     {"EHLO", "502 what?"},
                                     {"HELO", "250 there"},
                                     {"MAIL", "250 ok"},
                                     {"RCPT", "450 later"},
                                     {"RSET", "250 ok"},
                                     {"QUIT", "221 bye"}},
                                    {{.flags = kEnvelopeEightBit}});
  EXPECT_EQ(ending.transcript,
            "EHLO client.example\r\nHELO client.example\r\nMAIL FROM:<a@sender.example>\r\n"
            "RCPT TO:<b@there.example>\r\nRSET\r\nQUIT\r\n");
  EXPECT_EQ(ending.results, "deferred 450  later\n");
}

TEST(ClientConversation, DoublesDotsAndAlwaysEndsTheLastLine) {
  const auto body_of = [](std::string body) {
    const Ending ending = PlayAllCuts({{"", "220 x"},
                                       {"EHLO", "250 x"},
                                       {"MAIL", "250 ok"},
                                       {"RCPT", "250 ok"},
                                       {"DATA", "354 go"},
                                       {".\r\n", "250 ok"},
                                       {"QUIT", "221 bye"}},
                                      {{.body = body}});
    EXPECT_EQ(ending.results, "delivered 250  ok\n");
    const size_t start = ending.transcript.find("DATA\r\n") + 6;
    return ending.transcript.substr(start, ending.transcript.find("QUIT") - start);
  };
  EXPECT_EQ(body_of(""), ".\r\n");
  EXPECT_EQ(body_of("a"), "a\r\n.\r\n");
  EXPECT_EQ(body_of("a\r\n"), "a\r\n.\r\n");
  EXPECT_EQ(body_of("a\r"), "a\r\r\n.\r\n");
  EXPECT_EQ(body_of(".\r\n.."), "..\r\n...\r\n.\r\n");
  EXPECT_EQ(body_of("\r\n.\r\n.\r\n"), "\r\n..\r\n..\r\n.\r\n");
  EXPECT_EQ(body_of("a.b\r\n\n.c\r\n"), "a.b\r\n\n.c\r\n.\r\n");
  EXPECT_EQ(body_of("\r\r\n.x"), "\r\r\n..x\r\n.\r\n");
}

TEST(ClientConversation, SendsALoneDotWhenNobodyWasAcceptedBut354Came) {
  const Ending ending = PlayAllCuts({{"", "220 x"},
                                     {"EHLO", "250-x\r\n250 PIPELINING"},
                                     {"MAIL", "250 ok"},
                                     {"RCPT", "550 no"},
                                     {"DATA", "354 go"},
                                     {".", "554 no valid recipients"},
                                     {"QUIT", "221 bye"}},
                                    {{}});
  EXPECT_EQ(ending.results, "refused 550  no\n");
}

TEST(ClientConversation, SeveralMessagesAndAResetBetween) {
  const Ending ending = PlayAllCuts({{"", "220 x"},
                                     {"EHLO", "250 x"},
                                     {"MAIL", "250 ok"},
                                     {"RCPT", "250 ok"},
                                     {"DATA", "354 go"},
                                     {".", "250 first"},
                                     {"MAIL", "550 5.7.1 not you"},
                                     {"RSET", "250 ok"},
                                     {"MAIL", "250 ok"},
                                     {"RCPT", "250 ok"},
                                     {"DATA", "451 4.3.0 later"},
                                     {"RSET", "250 ok"},
                                     {"QUIT", "221 bye"}},
                                    {{}, {}, {}});
  EXPECT_EQ(ending.results, "delivered 250  first\nrefused 550 5.7.1 not you\ndeferred 451 4.3.0 later\n");
}

TEST(ClientConversation, ARefusalInMidDataEndsItAtOnce) {
  Sample large;
  for (int i = 0; i < 2000; ++i) large.body += "all work and no play\r\n";
  Play play({{"", "220 x"},
             {"EHLO", "250 x"},
             {"MAIL", "250 ok"},
             {"RCPT", "250 ok"},
             {"DATA", "354 go\r\n552 5.3.4 too much"}},
            {large}, {.out_size = 100, .body_size = 100});
  EXPECT_TRUE(play.closed);
  EXPECT_EQ(play.results, "refused 552 5.3.4 too much\n");
  EXPECT_LT(play.transcript.size(), 1000u);

  Play shutdown({{"", "220 x"},
                 {"EHLO", "250 x"},
                 {"MAIL", "250 ok"},
                 {"RCPT", "250 ok"},
                 {"DATA", "354 go"},
                 {"hello", "421 4.3.2 going down"}},
                {large}, {.out_size = 100, .body_size = 100});
  EXPECT_TRUE(shutdown.closed);
  EXPECT_EQ(shutdown.results, "deferred 421 4.3.2 going down\n");
  EXPECT_FALSE(shutdown.conversation.failed_before_mail());

  Play liar(
      {{"", "220 x"}, {"EHLO", "250 x"}, {"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"DATA", "354 go\r\n250 have it"}},
      {large}, {.out_size = 100, .body_size = 100});
  EXPECT_TRUE(liar.closed);
  EXPECT_EQ(liar.results, "deferred 250  have it\n");
}

TEST(ClientConversation, WhateverStageBreaksTheRecipientIsDeferred) {
  const std::vector<Turn> good = {{"", "220 x"},      {"EHLO", "250 x"},  {"MAIL", "250 ok"},
                                  {"RCPT", "250 ok"}, {"DATA", "354 go"}, {".", "250 ok"}};
  for (const std::string_view bad : {std::string_view("421 4.3.2 bye"), std::string_view("nonsense"), kHangUp}) {
    for (size_t stage = 0; stage < good.size(); ++stage) {
      std::vector<Turn> script = good;
      script.resize(stage + 1);
      script[stage].reply = bad;
      const Play play(script, {{}}, {.in_size = 7, .out_size = 100, .body_size = 5});
      EXPECT_EQ(play.conversation.failed_before_mail(), stage <= 2) << bad << " at " << stage;
      EXPECT_EQ(play.results.empty(), stage < 2);
      EXPECT_TRUE(stage < 2 || absl::StartsWith(play.results, "deferred ")) << play.results;
      EXPECT_FALSE(play.conversation.failure().text.empty());
    }
  }
}

TEST(ClientConversation, AMarkThatNoAddressNeedsKeepsNoMessageFromAPeerWithoutSmtpUtf8) {
  const std::vector<Turn> script = {{"", "220 x"},      {"EHLO", "250 x"}, {"MAIL", "250 ok"}, {"RCPT", "250 ok"},
                                    {"DATA", "354 go"}, {".", "250 ok"},   {"QUIT", "221 bye"}};
  const Ending play = PlayAllCuts(script, {{.body = "Subject: j\xc3\xb6\r\n", .flags = kEnvelopeUtf8}});
  EXPECT_EQ(play.results, "delivered 250  ok\n");
  EXPECT_EQ(play.transcript.find("SMTPUTF8"), std::string::npos) << play.transcript;
}

TEST(ClientConversation, TellsAHostThatTakesOneMessageOnly) {
  const Play play({{"", "220 x"},
                   {"EHLO", "250 x"},
                   {"MAIL", "250 ok"},
                   {"RCPT", "250 ok"},
                   {"DATA", "354 go"},
                   {".", "250 first"},
                   {"MAIL", "503 no more"}},
                  {{}, {}});
  EXPECT_TRUE(play.conversation.refused_another_message());
  EXPECT_EQ(play.results, "delivered 250  first\ndeferred 503  no more\n");
}

// Whether it took the first one does not matter: who has seen one of our messages and says 503 to the next one counts
// messages, and the next one has not failed for good.
TEST(ClientConversation, TellsAHostThatTakesOneMessageOnlyAndHasNotTakenThat) {
  const Play play({{"", "220 x"},
                   {"EHLO", "250 x"},
                   {"MAIL", "250 ok"},
                   {"RCPT", "250 ok"},
                   {"DATA", "354 go"},
                   {".", "452 no room"},
                   {"MAIL", "503 no more"}},
                  {{}, {}});
  EXPECT_TRUE(play.conversation.refused_another_message());
  EXPECT_EQ(play.results, "deferred 452  no room\ndeferred 503  no more\n");
}

TEST(ClientConversation, TellsWhenAnotherHostMayTakeTheMessageNow) {
  const auto deferred = [](const std::string& reply) {
    const Play play({{"", "220 x"}, {"EHLO", "250 x"}, {"MAIL", reply}, {"RSET", "250 ok"}, {"QUIT", "221 bye"}}, {{}});
    return play.conversation.mail_deferred();
  };
  EXPECT_TRUE(deferred("450 not now"));
  EXPECT_FALSE(deferred("250 ok"));
  EXPECT_FALSE(deferred("550 never"));
  EXPECT_FALSE(deferred("421 bye"));
  const Play ahead({{"", "220 x"},
                    {"EHLO", "250-x\r\n250 PIPELINING"},
                    {"MAIL", "450 not now"},
                    {"RCPT", "503 whose?"},
                    {"DATA", "503 whose?"},
                    {"RSET", "250 ok"},
                    {"MAIL", "250 ok"}},
                   {{}, {}});
  EXPECT_EQ(ahead.results, "deferred 450  not now\n");
  EXPECT_FALSE(ahead.conversation.mail_deferred()) << "the next message is another one";
}

TEST(ClientConversation, EveryStageHasADeadline) {
  const std::vector<Turn> good = {{"", "220 x"},      {"EHLO", "250 x"},  {"MAIL", "250 ok"},
                                  {"RCPT", "250 ok"}, {"DATA", "354 go"}, {".", "250 ok"}};
  const ClientTimeouts t;
  const Duration expected[] = {t.greeting, t.command, t.command, t.command, t.data, t.body_end};
  for (size_t stage = 0; stage < good.size(); ++stage) {
    std::vector<Turn> script = good;
    script.resize(stage + 1);
    script[stage].reply = "";
    Play play(script, {{}});
    ASSERT_FALSE(play.closed);
    EXPECT_EQ(play.conversation.deadline() - kPlayStart, expected[stage]) << stage;
    play.conversation.HandleTimeout();
    EXPECT_EQ(play.conversation.TakeFinished(), stage >= 2);
    EXPECT_EQ(play.conversation.deadline(), kNever);
    EXPECT_TRUE(absl::StrContains(play.conversation.failure().text, "timed out")) << stage;
  }
}

}  // namespace
}  // namespace postern
