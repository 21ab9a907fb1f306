// The client with a mail store that speaks LMTP (RFC 2033): a result for each recipient behind the data.

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "smtp/client_conversation.h"
#include "tests/smtp_client/play.h"

namespace postern {
namespace {

constexpr char kLhlo[] = "250-store\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME";

ClientPolicy Lmtp() {
  ClientPolicy policy = PlayPolicy();
  policy.protocol = ClientProtocol::kLmtp;
  return policy;
}

// Four recipients, of whom the third is unknown; `ends` are the replies behind the data.
std::vector<Turn> FourRecipients(const std::string& ends) {
  return {{"", "220 x"},      {"LHLO", kLhlo},       {"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"RCPT", "250 ok"},
          {"RCPT", "550 no"}, {"RCPT", "251 there"}, {"DATA", "354 go"}, {".", ends},        {"QUIT", "221"}};
}
const Sample kFour{.recipients = {"a@x", "b@x", "c@x", "d@x"}};

TEST(ClientLmtp, HasAReplyForEachWhoWasAccepted) {
  const Ending ending =
      PlayAllCuts(FourRecipients("250 2.0.0 a\r\n452-4.2.2 b\r\n452 4.2.2 is full\r\n550-5.2.1 d\r\n550 5.2.1 is gone"),
                  {kFour}, Lmtp());
  EXPECT_EQ(ending.results,
            "delivered 250 2.0.0 a\ndeferred 452 4.2.2 b\nrefused 550  no\nrefused 550 5.2.1 d\nis gone\n");
  EXPECT_TRUE(absl::StartsWith(ending.transcript, "LHLO client.example\r\n"));
  EXPECT_TRUE(absl::StrContains(ending.transcript, "DATA\r\nSubject: hi\r\n\r\nhello\r\n.\r\nQUIT"))
      << "no RFC says what chunks mean in LMTP";
}

TEST(ClientLmtp, StepByStepAsWell) {
  std::vector<Turn> script = FourRecipients("250 a\r\n250 b\r\n250 d");
  script[1].reply = "250 store";
  EXPECT_EQ(PlayAllCuts(script, {kFour}, Lmtp()).results,
            "delivered 250  a\ndelivered 250  b\nrefused 550  no\ndelivered 250  d\n");
}

TEST(ClientLmtp, DoesNotFallBackToHelo) {
  const Ending ending = PlayAllCuts({{"", "220 x"}, {"LHLO", "500 what?"}}, {{}}, Lmtp());
  EXPECT_EQ(ending.transcript, "LHLO client.example\r\n");
}

TEST(ClientLmtp, WhoHasNoAnswerIsDeferred) {
  const std::string answered = "delivered 250  a\n";
  EXPECT_EQ(PlayAllCuts(FourRecipients("250 a\r\n421 4.3.2 bye\r\n250 d"), {kFour}, Lmtp()).results,
            answered + "deferred 421 4.3.2 bye\nrefused 550  no\ndeferred 421 4.3.2 bye\n");
  EXPECT_EQ(PlayAllCuts(FourRecipients("250 a\r\nnonsense"), {kFour}, Lmtp()).results,
            absl::StrCat(answered, "deferred 0 4.5.0 the peer's reply is not SMTP, or has no end\nrefused 550  no\n",
                         "deferred 0 4.5.0 the peer's reply is not SMTP, or has no end\n"));
  Play silent(FourRecipients("250 a"), {kFour}, {}, Lmtp());
  EXPECT_EQ(silent.results, "");
  EXPECT_EQ(silent.conversation.deadline() - kPlayStart, ClientTimeouts{}.body_end);
  silent.conversation.HandleTimeout();
  EXPECT_EQ(silent.conversation.results()[0].fate, Fate::kDelivered);
  EXPECT_EQ(silent.conversation.results()[1].fate, Fate::kDeferred);
  EXPECT_EQ(silent.conversation.results()[2].fate, Fate::kRefused);
  EXPECT_EQ(silent.conversation.results()[3].fate, Fate::kDeferred);
}

TEST(ClientLmtp, OneReplyTooManyBreaksTheConversation) {
  const Play play(FourRecipients("250 a\r\n250 b\r\n250 d\r\n250 e"), {kFour}, {}, Lmtp());
  EXPECT_TRUE(play.closed);
  EXPECT_EQ(play.results, "delivered 250  a\ndelivered 250  b\nrefused 550  no\ndelivered 250  d\n");
  EXPECT_EQ(play.conversation.failure().text, "the peer spoke unasked");
}

TEST(ClientLmtp, ARefusalInMidDataIsForAll) {
  Sample large = kFour;
  for (int i = 0; i < 2000; ++i) large.body += "all work and no play\r\n";
  std::vector<Turn> script = FourRecipients("");
  script[7].reply = "354 go\r\n552 5.3.4 too much";
  const Play play(script, {large}, {.out_size = 100, .body_size = 100}, Lmtp());
  EXPECT_TRUE(play.closed);
  EXPECT_EQ(play.results,
            "refused 552 5.3.4 too much\nrefused 552 5.3.4 too much\nrefused 550  no\nrefused 552 5.3.4 too much\n");
  EXPECT_LT(play.said.size(), 1000u);
}

TEST(ClientLmtp, NobodyAcceptedIsAReset) {
  const Ending ending = PlayAllCuts({{"", "220 x"},
                                     {"LHLO", kLhlo},
                                     {"MAIL", "250 ok"},
                                     {"RCPT", "550 no"},
                                     {"DATA", "503 for nobody"},
                                     {"RSET", "250 ok"},
                                     {"QUIT", "221"}},
                                    {{}}, Lmtp());
  EXPECT_EQ(ending.results, "refused 550  no\n");
  const Play broken(
      {{"", "220 x"}, {"LHLO", kLhlo}, {"MAIL", "250 ok"}, {"RCPT", "550 no"}, {"DATA", "354 go"}, {".", "250 ok"}},
      {{}}, {}, Lmtp());
  EXPECT_TRUE(broken.closed);
  EXPECT_EQ(broken.results, "refused 550  no\n");
  EXPECT_EQ(broken.conversation.failure().text, "the peer wants a message that is for nobody");
}

TEST(ClientLmtp, WhoWasOneTooManyIsForTheNextTransaction) {
  std::vector<Turn> script = FourRecipients("451 a\r\n250 b\r\n250 d");
  script[5].reply = "452 4.5.3 many";
  EXPECT_EQ(PlayAllCuts(script, {kFour}, Lmtp()).results,
            "deferred 451  a\ndelivered 250  b\nnext 452 4.5.3 many\ndelivered 250  d\n");
}

}  // namespace
}  // namespace postern
