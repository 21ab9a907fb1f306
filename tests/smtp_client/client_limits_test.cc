// What a route, a peer and its LIMITS allow: who is refused unasked, and who waits for the next transaction.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "smtp/client_conversation.h"
#include "tests/smtp_client/play.h"

namespace postern {
namespace {

std::vector<Turn> After(std::string_view ehlo, std::vector<Turn> turns) {
  turns.insert(turns.begin(), {{"", "220 x"}, {"EHLO", std::string(ehlo)}});
  turns.push_back({"QUIT", "221 bye"});
  return turns;
}

// A transaction with `rcpt` replies, which gets through.
std::vector<Turn> Through(std::string_view ehlo, const std::vector<std::string>& rcpt) {
  std::vector<Turn> turns = {{"MAIL", "250 ok"}};
  for (const std::string& reply : rcpt) turns.push_back({"RCPT", reply});
  turns.push_back({"DATA", "354 go"});
  turns.push_back({".", "250 ok"});
  return After(ehlo, std::move(turns));
}

ClientPolicy AtMost(uint32_t recipient_count) {
  ClientPolicy policy = PlayPolicy();
  policy.recipients_per_transaction_max = recipient_count;
  return policy;
}

const std::vector<std::string> kThree = {"a@one.example", "b@two.example", "c@ONE.example"};

TEST(ClientLimits, KnowsWhatThePeerCannotTake) {
  const std::vector<Turn> script = After("250-x\r\n250 SIZE 10", {});
  EXPECT_EQ(PlayAllCuts(script, {{}}).results, "refused 0 5.3.4 the message is larger than the peer's limit of 10\n");
  EXPECT_EQ(PlayAllCuts(script, {{.recipients = {"j\xc3\xb6@there.example"}, .body = "x"}}).results,
            "refused 0 5.6.7 the address needs SMTPUTF8, which the peer does not offer\n");
  EXPECT_EQ(PlayAllCuts(script, {{.recipients = {"j\r\nDATA@there.example"}, .body = "x"}}).results,
            "refused 0 5.1.3 the address holds a control byte\n");
}

TEST(ClientLimits, LeavesOffersAloneThatItIsNotToUse) {
  constexpr char kEhlo[] = "250-x\r\n250-CHUNKING\r\n250 PIPELINING";
  const std::vector<Turn> chunks = After(kEhlo, {{"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"LAST", "250 in chunks"}});
  const std::vector<Turn> data = Through(kEhlo, {"250 ok"});
  for (const bool pipelining : {true, false}) {
    for (const bool chunking : {true, false}) {
      ClientPolicy policy = PlayPolicy();
      policy.pipelining = pipelining;
      policy.chunking = chunking;
      const Play play(chunking ? chunks : data, {{}}, {}, policy);
      EXPECT_EQ(play.results, chunking ? "delivered 250  in chunks\n" : "delivered 250  ok\n");
      EXPECT_EQ(play.ahead_count > 0, pipelining) << "chunking " << chunking;
    }
  }
}

// What a load generator measures.
TEST(ClientLimits, TellsHowFarAMessageIs) {
  const std::vector<Turn> all = Through("250 x", {"250 ok"});
  for (size_t stage = 2; stage < all.size() - 1; ++stage) {
    std::vector<Turn> script(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(stage) + 1);
    script[stage].reply = "";
    const Play play(script, {{}});
    EXPECT_EQ(play.conversation.mail_answered(), stage > 2) << script[stage].expected;
    EXPECT_EQ(play.conversation.body_written(), script[stage].expected == ".") << script[stage].expected;
  }
}

TEST(ClientLimits, AnEightBitBodyIsReturnedWhereTheRouteSaysSo) {
  const Sample sample{.flags = kEnvelopeEightBit};
  ClientPolicy policy = PlayPolicy();
  const std::vector<Turn> good = Through("250 x", {"250 ok"});
  EXPECT_EQ(PlayAllCuts(good, {sample}, policy).results, "delivered 250  ok\n") << "it goes as it is";
  policy.eight_bit = EightBit::kBounce;
  EXPECT_EQ(PlayAllCuts(After("250 x", {}), {sample}, policy).results,
            "refused 0 5.6.3 the message needs 8BITMIME, which the peer does not offer\n");
  EXPECT_EQ(PlayAllCuts(Through("250-x\r\n250 8BITMIME", {"250 ok"}), {sample}, policy).results, "delivered 250  ok\n");
  EXPECT_EQ(PlayAllCuts(good, {{}}, policy).results, "delivered 250  ok\n") << "seven bits need nothing";
}

TEST(ClientLimits, WhoIsTooManyIsNotSpokenOf) {
  const std::string limits = "250-x\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2";
  for (const auto& [ehlo, policy] : {std::pair("250 x", AtMost(2)), std::pair(limits.c_str(), AtMost(100)),
                                     std::pair(limits.c_str(), AtMost(0)), std::pair(limits.c_str(), AtMost(2))}) {
    const Ending ending = PlayAllCuts(Through(ehlo, {"250 ok", "250 ok"}), {{.recipients = kThree}}, policy);
    EXPECT_EQ(ending.results, "delivered 250  ok\ndelivered 250  ok\nnext 0  \n");
    EXPECT_EQ(ending.transcript.find("c@"), std::string::npos) << ending.transcript;
  }
  const Ending lower = PlayAllCuts(Through(limits, {"250 ok"}), {{.recipients = kThree}}, AtMost(1));
  EXPECT_EQ(lower.results, "delivered 250  ok\nnext 0  \nnext 0  \n") << "ours is the lower one";
}

TEST(ClientLimits, DomainsTooManyForThePeerWait) {
  const Ending one =
      PlayAllCuts(Through("250-x\r\n250 LIMITS RCPTDOMAINMAX=1", {"250 ok", "250 ok"}), {{.recipients = kThree}});
  EXPECT_EQ(one.results, "delivered 250  ok\nnext 0  \ndelivered 250  ok\n") << "a domain has no case";
  const Ending two = PlayAllCuts(Through("250-x\r\n250 LIMITS RCPTDOMAINMAX=2", {"250 ok", "250 ok", "250 ok"}),
                                 {{.recipients = kThree}});
  EXPECT_EQ(two.results, "delivered 250  ok\ndelivered 250  ok\ndelivered 250  ok\n");
}

TEST(ClientLimits, WhoIsRefusedAsOneTooManyIsForTheNextTransaction) {
  const Ending ending = PlayAllCuts(Through("250 x", {"250 ok", "452 4.5.3 too many", "552 too many"}),
                                    {{.recipients = {"a@b", "c@d", "e@f"}}});
  EXPECT_EQ(ending.results, "delivered 250  ok\nnext 452 4.5.3 too many\nnext 552  too many\n");
}

TEST(ClientLimits, TheFirstIsNotOneTooMany) {
  const Ending ending =
      PlayAllCuts(Through("250 x", {"452 4.3.1 no room", "552 5.2.2 over quota", "250 ok"}), {{.recipients = kThree}});
  EXPECT_EQ(ending.results, "deferred 452 4.3.1 no room\nrefused 552 5.2.2 over quota\ndelivered 250  ok\n");
}

// Four recipients: one accepted, one refused as one too many, two not spoken of.
TEST(ClientLimits, NoTransactionFollowsOneThatDidNotGetThrough) {
  const Sample sample{.recipients = {"a@x", "b@x", "c@x", "d@x"}};
  const auto play = [&sample](std::vector<Turn> turns) {
    std::vector<Turn> all = {{"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"RCPT", "452 4.5.3 many"}};
    all.insert(all.end(), turns.begin(), turns.end());
    return PlayAllCuts(After("250 x", all), {sample}, AtMost(2)).results;
  };
  EXPECT_EQ(play({{"DATA", "354 go"}, {".", "250 ok"}}),
            "delivered 250  ok\nnext 452 4.5.3 many\nnext 0  \nnext 0  \n");
  EXPECT_EQ(play({{"DATA", "354 go"}, {".", "554 no"}}),
            "refused 554  no\ndeferred 452 4.5.3 many\ndeferred 554  no\ndeferred 554  no\n");
  EXPECT_EQ(play({{"DATA", "451 no"}, {"RSET", "250"}}),
            "deferred 451  no\ndeferred 452 4.5.3 many\ndeferred 451  no\ndeferred 451  no\n");
  EXPECT_EQ(play({{"DATA", "421 bye"}}),
            "deferred 421  bye\ndeferred 452 4.5.3 many\ndeferred 421  bye\ndeferred 421  bye\n");
}

TEST(ClientLimits, ARefusedSenderIsRefusedForThoseWhoWaitAsWell) {
  const Ending ending = PlayAllCuts(After("250 x", {{"MAIL", "550 5.7.1 not you"}, {"RSET", "250 ok"}}),
                                    {{.recipients = kThree}}, AtMost(1));
  EXPECT_EQ(ending.results, "refused 550 5.7.1 not you\nrefused 550 5.7.1 not you\nrefused 550 5.7.1 not you\n");
}

TEST(ClientLimits, RefusedRecipientsHoldNobodyBackWhoWaits) {
  const std::string expected = "refused 550  who?\nnext 0  \nnext 0  \n";
  const std::vector<Turn> by_step = {{"MAIL", "250 ok"}, {"RCPT", "550 who?"}, {"RSET", "250 ok"}};
  EXPECT_EQ(PlayAllCuts(After("250 x", by_step), {{.recipients = kThree}}, AtMost(1)).results, expected);
  const std::vector<Turn> ahead = {
      {"MAIL", "250 ok"}, {"RCPT", "550 who?"}, {"DATA", "503 for nobody?"}, {"RSET", "250 ok"}};
  EXPECT_EQ(PlayAllCuts(After("250-x\r\n250 PIPELINING", ahead), {{.recipients = kThree}}, AtMost(1)).results,
            expected);
}

TEST(ClientLimits, TellsWhoReportsADelivery) {
  const Play with(Through("250-x\r\n250-LIMITS MAILMAX=7\r\n250 DSN", {"250 ok", "550 no"}),
                  {{.recipients = {"a@b", "c@d"}}});
  EXPECT_EQ(with.results, "delivered 250  ok reports\nrefused 550  no\n");
  EXPECT_EQ(with.conversation.mail_count_max(), 7u);
  const Play without(Through("250 x", {"250 ok"}), {{}});
  EXPECT_EQ(without.results, "delivered 250  ok\n");
  EXPECT_EQ(without.conversation.mail_count_max(), 0u);
}

}  // namespace
}  // namespace postern
