// The client against scripted peers, honest and hostile: each script is played with input and output cut at every size,
// and must give one transcript and one result.

#include "smtp/client_conversation.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

constexpr MonotonicTime kStart{1'000'000'000};

// What the peer says to a line that starts with `expected`. "" as a reply is silence; kHangUp closes.
struct Turn {
  std::string expected;
  std::string reply;
};
constexpr std::string_view kHangUp = "<hang up>";

struct Sample {
  std::string sender = "a@sender.example";
  std::vector<std::string> recipients = {"b@there.example"};
  std::string body = "Subject: hi\r\n\r\nhello\r\n";
  uint8_t flags = 0;
};

std::string Letter(Fate fate) {
  switch (fate) {
    case Fate::kPending: return "pending";
    case Fate::kDelivered: return "delivered";
    case Fate::kDeferred: return "deferred";
    case Fate::kRefused: return "refused";
    case Fate::kNextTransaction: return "next";
  }
  return "";
}

// Plays `messages` one after the other on one connection; `transcript` is all that the client said, a line each.
class Play {
 public:
  Play(std::vector<Turn> script, std::vector<Sample> messages, size_t in_cut, size_t out_size, size_t body_cut)
      : script_(std::move(script)),
        messages_(std::move(messages)),
        in_cut_(in_cut),
        body_cut_(body_cut),
        out_memory_(out_size),
        out_(out_memory_),
        in_(in_memory_) {
    policy_.hostname = "client.example";
    Run();
  }
  std::string transcript;
  std::string results;
  ClientConversation conversation;
  MonotonicTime now = kStart;
  bool closed = false;

 private:
  void Run() {
    conversation.Start(policy_, now);
    Say(script_[turn_++].reply);
    for (int quiet = 0; quiet < 3;) {
      const size_t before = transcript.size() + fed_size_;
      Step();
      if (closed) return;
      quiet = before == transcript.size() + fed_size_ ? quiet + 1 : 0;
    }
  }

  void Step() {
    const std::span<char> room = in_.WritableSpan();
    const size_t size = std::min({in_cut_, to_client_.size(), room.size()});
    std::memcpy(room.data(), to_client_.data(), size);
    in_.Commit(size);
    fed_size_ += size;
    to_client_.erase(0, size);
    ClientWant want = conversation.Pump(in_, out_, now);
    if (conversation.TakeFinished()) {
      for (const RecipientResult& r : conversation.results()) {
        absl::StrAppend(&results, Letter(r.fate), " ", r.reply.code, " ", r.reply.enhanced, " ", r.reply.text, "\n");
      }
    }
    if (want == ClientWant::kBody) {
      const std::string& body = messages_[message_index_ - 1].body;
      const size_t piece = std::min(body_cut_, body.size() - body_offset_);
      conversation.GiveBody(std::string_view(body).substr(body_offset_, piece), body_offset_ + piece == body.size());
      body_offset_ += piece;
    }
    if (want == ClientWant::kMessage && out_.empty()) StartNext();
    while (!out_.empty()) {
      Hear(out_.Peek());
      out_.Consume(out_.Peek().size());
    }
    if (want == ClientWant::kClose) closed = true;
    if (hung_up_ && to_client_.empty() && in_.empty() && !closed) {
      conversation.HandleDisconnect("the peer hung up");
      hung_up_ = false;
    }
  }

  void StartNext() {
    if (message_index_ == messages_.size()) return conversation.StartQuit(now);
    const Sample& sample = messages_[message_index_++];
    head_.sender = sample.sender;
    head_.envid = "QQ314";
    head_.flags = sample.flags;
    head_.ret = DsnReturn::kHeaders;
    recipients_.clear();
    for (const std::string& address : sample.recipients) {
      recipients_.push_back({.address = address, .notify = kNotifySuccess | kNotifyFailure, .orcpt = "rfc822;x"});
    }
    body_offset_ = 0;
    conversation.StartMessage({.head = &head_, .recipients = recipients_, .body_size = sample.body.size()}, now);
  }

  void Hear(std::string_view bytes) {
    for (const char c : bytes) {
      transcript.push_back(c);
      line_.push_back(c);
      if (!absl::EndsWith(line_, "\r\n")) continue;
      HearLine(line_);
      line_.clear();
    }
  }

  void HearLine(std::string_view line) {
    if (turn_ == script_.size()) return;
    if (in_body_ && line != ".\r\n" && script_[turn_].expected == ".") return;
    if (!absl::StartsWith(line, script_[turn_].expected)) return;
    in_body_ = absl::StartsWith(script_[turn_].reply, "354");
    Say(script_[turn_++].reply);
  }

  void Say(const std::string& reply) {
    if (reply == kHangUp) {
      hung_up_ = true;
    } else if (!reply.empty()) {
      absl::StrAppend(&to_client_, reply, "\r\n");
    }
  }

  ClientPolicy policy_;
  std::vector<Turn> script_;
  std::vector<Sample> messages_;
  const size_t in_cut_;
  const size_t body_cut_;
  std::vector<char> out_memory_;
  char in_memory_[256];
  RingBuffer out_;
  RingBuffer in_;
  std::string to_client_;
  std::string line_;
  size_t fed_size_ = 0;
  size_t turn_ = 0;
  size_t message_index_ = 0;
  size_t body_offset_ = 0;
  bool in_body_ = false;
  bool hung_up_ = false;
  EnvelopeHead head_;
  std::vector<Recipient> recipients_;
};

struct Ending {
  std::string transcript;
  std::string results;
};

// The one ending of all cuts.
Ending PlayAllCuts(const std::vector<Turn>& script, const std::vector<Sample>& messages) {
  const Play whole(script, messages, 1000, 32 * 1024, 100'000);
  for (size_t cut = 1; cut < 40; ++cut) {
    for (const size_t out_size : {size_t{2}, size_t{3}, cut + 1, size_t{100}}) {
      const Play play(script, messages, cut, out_size, cut);
      EXPECT_EQ(play.transcript, whole.transcript) << "cut " << cut << " out " << out_size;
      EXPECT_EQ(play.results, whole.results) << "cut " << cut << " out " << out_size;
      EXPECT_EQ(play.closed, whole.closed);
    }
  }
  return {whole.transcript, whole.results};
}

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
  EXPECT_EQ(ending.results, "delivered 250 2.0.0 queued as 7\nrefused 550 5.1.1 unknown\n");
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
            {large}, 1000, 100, 100);
  EXPECT_TRUE(play.closed);
  EXPECT_EQ(play.results, "refused 552 5.3.4 too much\n");
  EXPECT_LT(play.transcript.size(), 1000u);

  Play shutdown({{"", "220 x"},
                 {"EHLO", "250 x"},
                 {"MAIL", "250 ok"},
                 {"RCPT", "250 ok"},
                 {"DATA", "354 go"},
                 {"hello", "421 4.3.2 going down"}},
                {large}, 1000, 100, 100);
  EXPECT_TRUE(shutdown.closed);
  EXPECT_EQ(shutdown.results, "deferred 421 4.3.2 going down\n");
  EXPECT_FALSE(shutdown.conversation.failed_before_mail());

  Play liar(
      {{"", "220 x"}, {"EHLO", "250 x"}, {"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"DATA", "354 go\r\n250 have it"}},
      {large}, 1000, 100, 100);
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
      const Play play(script, {{}}, 7, 100, 5);
      EXPECT_EQ(play.conversation.failed_before_mail(), stage <= 2) << bad << " at " << stage;
      EXPECT_EQ(play.results.empty(), stage < 2);
      EXPECT_TRUE(stage < 2 || absl::StartsWith(play.results, "deferred ")) << play.results;
      EXPECT_FALSE(play.conversation.failure().text.empty());
    }
  }
}

TEST(ClientConversation, KnowsWhatThePeerCannotTake) {
  const std::vector<Turn> script = {{"", "220 x"}, {"EHLO", "250-x\r\n250 SIZE 10"}, {"QUIT", "221 bye"}};
  EXPECT_EQ(PlayAllCuts(script, {{}}).results, "refused 552 5.3.4 the message is larger than the peer's limit of 10\n");
  EXPECT_EQ(PlayAllCuts(script, {{.recipients = {"j\xc3\xb6@there.example"}, .body = "x"}}).results,
            "refused 553 5.6.7 the address needs SMTPUTF8, which the peer does not offer\n");
  EXPECT_EQ(PlayAllCuts(script, {{.recipients = {"j\r\nDATA@there.example"}, .body = "x"}}).results,
            "refused 553 5.1.3 the address holds a control byte\n");
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
                  {{}, {}}, 1000, 1000, 1000);
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
                  {{}, {}}, 1000, 1000, 1000);
  EXPECT_TRUE(play.conversation.refused_another_message());
  EXPECT_EQ(play.results, "deferred 452  no room\ndeferred 503  no more\n");
}

TEST(ClientConversation, TooManyRecipientsAreForTheNextTransaction) {
  const Ending ending = PlayAllCuts({{"", "220 x"},
                                     {"EHLO", "250 x"},
                                     {"MAIL", "250 ok"},
                                     {"RCPT", "250 ok"},
                                     {"RCPT", "452 4.5.3 too many"},
                                     {"RCPT", "552 too many"},
                                     {"DATA", "354 go"},
                                     {".", "250 ok"},
                                     {"QUIT", "221"}},
                                    {{.recipients = {"a@b", "c@d", "e@f"}}});
  EXPECT_EQ(ending.results, "delivered 250  ok\nnext 452 4.5.3 too many\nnext 552  too many\n");
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
    Play play(script, {{}}, 1000, 1000, 1000);
    ASSERT_FALSE(play.closed);
    EXPECT_EQ(play.conversation.deadline() - kStart, expected[stage]) << stage;
    play.conversation.HandleTimeout();
    EXPECT_EQ(play.conversation.TakeFinished(), stage >= 2);
    EXPECT_EQ(play.conversation.deadline(), kNever);
    EXPECT_TRUE(absl::StrContains(play.conversation.failure().text, "timed out")) << stage;
  }
}

}  // namespace
}  // namespace postern
