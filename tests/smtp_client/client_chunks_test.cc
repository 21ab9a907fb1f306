// The client with a peer that takes chunks (RFC 3030): what is said, and what a refusal in the middle leads to.

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "smtp/client_conversation.h"
#include "tests/smtp_client/play.h"

namespace postern {
namespace {

constexpr char kAhead[] = "250-x\r\n250-CHUNKING\r\n250 PIPELINING";
constexpr char kByStep[] = "250-x\r\n250 CHUNKING";

std::vector<Turn> After(std::string_view ehlo, std::vector<Turn> turns) {
  turns.insert(turns.begin(), {{"", "220 x"}, {"EHLO", std::string(ehlo)}});
  return turns;
}

Sample Large() {
  Sample sample{.body = {}};
  for (int i = 0; i < 2000; ++i) sample.body += "all work and no play\r\n";
  return sample;
}

TEST(ClientChunks, GoBehindTheEnvelopeOrStepByStep) {
  for (const char* ehlo : {kAhead, kByStep}) {
    const std::vector<Turn> script =
        After(ehlo, {{"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"LAST", "250 2.0.0 got it"}, {"QUIT", "221"}});
    EXPECT_EQ(PlayAllCuts(script, {{}}).results, "delivered 250 2.0.0 got it\n");
    EXPECT_EQ(Play(script, {{}}).said,
              "EHLO client.example\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<b@there.example>\r\n"
              "BDAT 22 LAST\r\nSubject: hi\r\n\r\nhello\r\nQUIT\r\n");
  }
}

TEST(ClientChunks, EveryPieceIsAChunkAndHasAReply) {
  const std::vector<Turn> script = After(
      kByStep, {{"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"BDAT", "250 first"}, {"LAST", "250 all"}, {"QUIT", "221"}});
  const Play play(script, {{.body = "0123456789\r\n"}}, {.body_size = 8});
  EXPECT_TRUE(absl::StrContains(play.said, "BDAT 8\r\n01234567BDAT 4 LAST\r\n89\r\nQUIT")) << play.said;
  EXPECT_EQ(play.results, "delivered 250  all\n");
}

TEST(ClientChunks, DoubleNoDotsAndEndTheLastLine) {
  const auto body_of = [](std::string body) {
    const Ending ending = PlayAllCuts(
        After(kAhead, {{"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"LAST", "250 ok"}, {"QUIT", "221"}}), {{.body = body}});
    EXPECT_EQ(ending.results, "delivered 250  ok\n");
    const size_t start = ending.transcript.find("there.example>\r\n") + 16;
    return ending.transcript.substr(start, ending.transcript.find("<LAST>") - start);
  };
  EXPECT_EQ(body_of(""), "");
  EXPECT_EQ(body_of("a"), "a\r\n");
  EXPECT_EQ(body_of("a\r\n"), "a\r\n");
  EXPECT_EQ(body_of("a\r"), "a\r\r\n");
  EXPECT_EQ(body_of(".\r\n..\r\n.\r\n"), ".\r\n..\r\n.\r\n");
}

// How much of the body was said when the refusal came depends on the cut, and nothing else does.
std::string ResultsOfAllCuts(const std::vector<Turn>& script, const std::vector<Sample>& messages) {
  const Play whole(script, messages);
  for (size_t cut = 1; cut < 40; ++cut) {
    for (const size_t out_size : {size_t{2}, size_t{3}, cut + 1, size_t{100}}) {
      const Play play(script, messages, {.in_size = cut, .out_size = out_size, .body_size = cut});
      EXPECT_EQ(play.results, whole.results) << "cut " << cut << " out " << out_size;
      EXPECT_TRUE(play.closed);
      EXPECT_TRUE(absl::EndsWith(play.said, "QUIT\r\n")) << play.said;
    }
  }
  return whole.results;
}

// On the same connection another message follows.
TEST(ClientChunks, WithNobodyAcceptedTheRestConcernsNobody) {
  const std::vector<Turn> second = {
      {"RSET", "250 reset"}, {"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"LAST", "250 ok"}, {"QUIT", "221"}};
  const auto play = [&second](const char* ehlo, std::vector<Turn> first) {
    first.insert(first.end(), second.begin(), second.end());
    return ResultsOfAllCuts(After(ehlo, first), {{}, {}});
  };
  EXPECT_EQ(play(kAhead, {{"MAIL", "250 ok"}, {"RCPT", "550 who?"}, {"LAST", "554 for nobody"}}),
            "refused 550  who?\ndelivered 250  ok\n");
  EXPECT_EQ(play(kAhead, {{"MAIL", "250 ok"}, {"RCPT", "450 later"}, {"LAST", "250 thrown away"}}),
            "deferred 450  later\ndelivered 250  ok\n");
  EXPECT_EQ(play(kAhead, {{"MAIL", "250 ok"}, {"RCPT", "550 who?"}, {"BDAT", "503 for nobody"}, {"LAST", "503 no"}}),
            "refused 550  who?\ndelivered 250  ok\n");
  EXPECT_EQ(play(kAhead, {{"MAIL", "550 no"}, {"RCPT", "503 no"}, {"LAST", "503 no"}}),
            "refused 550  no\ndelivered 250  ok\n");
  EXPECT_EQ(play(kByStep, {{"MAIL", "250 ok"}, {"RCPT", "550 who?"}}), "refused 550  who?\ndelivered 250  ok\n");
  EXPECT_EQ(play(kByStep, {{"MAIL", "550 no"}}), "refused 550  no\ndelivered 250  ok\n");
}

TEST(ClientChunks, ARefusedChunkIsTheEndOfTheMessageAndNotOfTheConnection) {
  for (const char* ehlo : {kAhead, kByStep}) {
    const std::vector<Turn> script = After(ehlo, {{"MAIL", "250 ok"},
                                                  {"RCPT", "250 ok"},
                                                  {"BDAT", "552 5.3.4 too much"},
                                                  {"RSET", "250 ok"},
                                                  {"MAIL", "250 ok"},
                                                  {"RCPT", "250 ok"},
                                                  {"LAST", "250 ok"},
                                                  {"QUIT", "221"}});
    for (const size_t cut : {1, 7, 1000}) {
      const Play play(script, {Large(), {}}, {.in_size = cut, .out_size = 100, .body_size = 50});
      EXPECT_EQ(play.results, "refused 552 5.3.4 too much\ndelivered 250  ok\n");
      EXPECT_LT(play.said.size(), 10'000u) << "it went on to talk";
      EXPECT_TRUE(play.closed);
    }
  }
}

TEST(ClientChunks, ARefusedLastChunkIsForgottenBeforeTheNextMessage) {
  const Ending ending = PlayAllCuts(
      After(kAhead,
            {{"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"LAST", "451 4.3.0 later"}, {"RSET", "250 ok"}, {"QUIT", "221"}}),
      {{}});
  EXPECT_EQ(ending.results, "deferred 451 4.3.0 later\n");
  EXPECT_TRUE(absl::StrContains(ending.transcript, "<LAST>\r\nRSET\r\nQUIT")) << ending.transcript;
}

// The chunk that is under way is finished: what comes behind it is a command again.
TEST(ClientChunks, ARefusalInTheMiddleOfAChunkWaitsForItsEnd) {
  const Play play(
      After(kAhead,
            {{"MAIL", "250 ok"}, {"RCPT", "250 ok\r\n552 5.3.4 too much"}, {"RSET", "250 ok"}, {"QUIT", "221"}}),
      {{.body = std::string(998, 'x') + "\r\n"}}, {.out_size = 100});
  EXPECT_EQ(play.results, "refused 552 5.3.4 too much\n");
  EXPECT_TRUE(absl::EndsWith(play.said, "x\r\nRSET\r\nQUIT\r\n")) << play.said;
  EXPECT_TRUE(play.closed);
}

TEST(ClientChunks, NoPeerHasAChunkThatWasNotSaidYet) {
  for (const char* lie : {"250 have it", "354 go", "421 4.3.2 going down"}) {
    const Play play(After(kAhead, {{"MAIL", "250 ok"}, {"RCPT", std::string("250 ok\r\n") + lie}}), {Large()},
                    {.out_size = 100, .body_size = 5000});
    EXPECT_TRUE(play.closed);
    EXPECT_TRUE(absl::StartsWith(play.results, "deferred ")) << play.results;
    EXPECT_LT(play.said.size(), 1000u);
  }
  const Play unasked(After(kByStep, {{"MAIL", "250 ok"}, {"RCPT", "250 ok\r\n250 and more"}}), {Large()});
  EXPECT_TRUE(unasked.closed);
  EXPECT_EQ(unasked.results, "deferred 0 4.5.0 the peer spoke unasked\n");
}

TEST(ClientChunks, WhateverStageBreaksTheRecipientIsDeferred) {
  const std::vector<Turn> good = After(
      kAhead, {{"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"BDAT", "250 ok"}, {"BDAT", "250 ok"}, {"LAST", "250 ok"}});
  for (const std::string_view bad : {std::string_view("421 4.3.2 bye"), std::string_view("nonsense"), kHangUp}) {
    for (size_t stage = 2; stage < good.size(); ++stage) {
      std::vector<Turn> script = good;
      script.resize(stage + 1);
      script[stage].reply = bad;
      const Play play(script, {{}}, {.in_size = 7, .out_size = 100, .body_size = 10});
      EXPECT_EQ(play.conversation.failed_before_mail(), stage == 2) << bad << " at " << stage;
      EXPECT_TRUE(absl::StartsWith(play.results, "deferred ")) << play.results;
      EXPECT_TRUE(play.closed);
    }
  }
}

TEST(ClientChunks, EveryStageHasADeadline) {
  const std::vector<Turn> good =
      After(kByStep, {{"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"BDAT", "250 ok"}, {"LAST", "250 ok"}});
  const ClientTimeouts t;
  const Duration expected[] = {t.greeting, t.command, t.command, t.command, t.command, t.body_end};
  const char* const stages[] = {"greeting", "EHLO", "MAIL", "RCPT", "body", "end of data"};
  for (size_t stage = 0; stage < good.size(); ++stage) {
    std::vector<Turn> script = good;
    script.resize(stage + 1);
    script[stage].reply = "";
    Play play(script, {{}}, {.body_size = 11});
    ASSERT_FALSE(play.closed);
    EXPECT_EQ(play.conversation.deadline() - kPlayStart, expected[stage]) << stage;
    EXPECT_STREQ(play.conversation.stage(), stages[stage]);
    play.conversation.HandleTimeout();
    EXPECT_EQ(play.conversation.TakeFinished(), stage >= 2);
    EXPECT_EQ(play.conversation.deadline(), kNever);
  }
}

// Everything is said, and it is MAIL that has no answer yet.
TEST(ClientChunks, AheadOfTheRepliesTheFirstThatIsMissingCounts) {
  Play play(After(kAhead, {{"MAIL", ""}}), {{}});
  EXPECT_TRUE(absl::StrContains(play.transcript, "<LAST>"));
  EXPECT_EQ(play.conversation.deadline() - kPlayStart, ClientTimeouts{}.command);
  EXPECT_STREQ(play.conversation.stage(), "MAIL");
  play.conversation.HandleTimeout();
  EXPECT_TRUE(play.conversation.failed_before_mail()) << "another host may do better";
}

}  // namespace
}  // namespace postern
