#include "smtp/command.h"

#include <string>
#include <string_view>
#include <utility>

#include "core/envelope.h"
#include "core/limits.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

using namespace std::string_literals;

Command Parse(std::string_view line) { return ParseCommand(line, /*utf8=*/false); }

// A command that has nothing wrong in it.
Command Good(std::string_view line, bool utf8 = false) {
  const Command command = ParseCommand(line, utf8);
  EXPECT_EQ(command.error, nullptr) << line << ": " << (command.error == nullptr ? "" : command.error->text);
  return command;
}

// "501 5.5.4", or "" when nothing is wrong.
std::string Wrong(std::string_view line, bool utf8 = false) {
  const Command command = ParseCommand(line, utf8);
  if (command.error == nullptr) return "";
  EXPECT_FALSE(command.error->text.empty());
  return std::to_string(command.error->code) + " " + std::string(command.error->enhanced);
}

TEST(Command, HasAVerbInAnyCase) {
  const std::pair<const char*, Verb> kVerbs[] = {
      {"HELO a", Verb::kHelo}, {"ehlo a", Verb::kEhlo}, {"Mail from:<>", Verb::kMail}, {"RCPT to:<a@b>", Verb::kRcpt},
      {"data", Verb::kData},   {"BDAT 1", Verb::kBdat}, {"rset", Verb::kRset},         {"NOOP", Verb::kNoop},
      {"VRFY a", Verb::kVrfy}, {"EXPN a", Verb::kExpn}, {"Help", Verb::kHelp},         {"quit ", Verb::kQuit},
  };
  for (const auto& [line, verb] : kVerbs) EXPECT_EQ(Good(line).verb, verb) << line;
}

TEST(Command, IsUnknownOtherwise) {
  for (const char* line : {"", " ", "RUBBISH", "DAT", "DATA2", "MAILFROM:<a@b>", " QUIT", "QUIT\t1", "STARTTLS",
                           "AUTH PLAIN", "POST / HTTP/1.1", "\xFF\xFE"}) {
    EXPECT_EQ(Parse(line).verb, Verb::kUnknown) << line;
    EXPECT_EQ(Wrong(line), "500 5.5.1") << line;
  }
}

TEST(Command, HoldsNoControlByte) {
  for (const std::string& line :
       {"NOOP \0"s, "MAIL FROM:<a\0b@c>"s, "EHLO a\tb"s, "HELP \x7F"s, "RCPT TO:<a@b>\t NOTIFY=NEVER"s}) {
    EXPECT_EQ(Wrong(line), "501 5.5.2") << line;
  }
}

TEST(Command, KnowsWhatStandsAlone) {
  for (const char* line : {"DATA x", "RSET x", "QUIT x"}) EXPECT_EQ(Wrong(line), "501 5.5.4") << line;
  EXPECT_EQ(Good("NOOP any thing").argument, "any thing");
  EXPECT_EQ(Good("HELP MAIL").argument, "MAIL");
  EXPECT_EQ(Wrong("VRFY"), "501 5.5.4");
}

TEST(Command, HelloTakesWhatRealClientsSay) {
  for (const std::string& name : {"client.example"s, "under_score"s, "[192.0.2.1]"s, "[IPv6:::1]"s, "a b"s,
                                  "%s%n{}$(id)"s, "b\xC3\xBC\x63her.example"s, std::string(kDomainSizeMax, 'x')}) {
    EXPECT_EQ(Good("EHLO " + name).argument, name);
    EXPECT_EQ(Good("HELO " + name + " ").argument, name);
  }
  for (const std::string& line : {"EHLO"s, "EHLO "s, "HELO \xFF"s, "EHLO " + std::string(kDomainSizeMax + 1, 'x')}) {
    EXPECT_EQ(Wrong(line), "501 5.5.4") << line;
  }
}

TEST(Command, MailHasASender) {
  const Command command = Good("MAIL FROM:<a@b.example>");
  EXPECT_EQ(command.path.mailbox, "a@b.example");
  EXPECT_EQ(command.path.domain, "b.example");
  EXPECT_EQ(command.size, std::nullopt);
  EXPECT_EQ(command.flags, 0);
  EXPECT_EQ(command.ret, DsnReturn::kUnspecified);
  EXPECT_EQ(Good("MAIL FROM:<>").path.mailbox, "");
  EXPECT_EQ(Good("MAIL FROM: <a@b>").path.mailbox, "a@b") << "many clients write a space there";
  EXPECT_EQ(Good("mail from:<a@b>  size=5 ").size, 5u);
  for (const char* line :
       {"MAIL", "MAIL FROM", "MAIL FROM <a@b>", "MAIL TO:<a@b>", "MAIL FROM:<a@b>x", "MAIL FROM:<a@b>SIZE=1"}) {
    EXPECT_EQ(Wrong(line), "501 5.5.4") << line;
  }
  for (const char* line :
       {"MAIL FROM:", "MAIL FROM:a@b", "MAIL FROM:<a>", "MAIL FROM:<a@b..c>", "MAIL FROM:<a b@c>", "MAIL FROM:<@>"}) {
    EXPECT_EQ(Wrong(line), "501 5.1.7") << line;
  }
}

TEST(Command, MailHasParameters) {
  const Command command = Good("MAIL FROM:<a@b> SIZE=12345 body=8bitmime RET=hdrs ENVID=a+2Bb SMTPUTF8");
  EXPECT_EQ(command.size, 12345u);
  EXPECT_EQ(command.flags, kEnvelopeEightBit | kEnvelopeUtf8);
  EXPECT_EQ(command.ret, DsnReturn::kHeaders);
  EXPECT_EQ(command.envid, "a+2Bb");
  EXPECT_EQ(Good("MAIL FROM:<a@b> BODY=7BIT").flags, 0);
  EXPECT_EQ(Good("MAIL FROM:<a@b> RET=FULL").ret, DsnReturn::kFull);
  EXPECT_EQ(Good("MAIL FROM:<a@b> SIZE=99999999999999999999999999").size, UINT64_MAX) << "more than anybody takes";
}

TEST(Command, RefusesWrongParameters) {
  for (const char* parameter : {"SIZE", "SIZE=", "SIZE=-1", "SIZE=+1", "SIZE=1k", "SIZE=1 SIZE=2", "BODY", "BODY=",
                                "BODY=9BIT", "SMTPUTF8=", "SMTPUTF8=1", "RET=SOME", "RET=", "ENVID=", "ENVID=a=b",
                                "ENVID=a+2", "ENVID=a+2b", "ENVID=\xC3\xBC", "SMTPUTF8 smtputf8"}) {
    EXPECT_EQ(Wrong("MAIL FROM:<a@b> "s + parameter), "501 5.5.4") << parameter;
  }
  EXPECT_EQ(Wrong("MAIL FROM:<a@b> ENVID=" + std::string(kEnvidSizeMax, 'x')), "");
  EXPECT_EQ(Wrong("MAIL FROM:<a@b> ENVID=x" + std::string(kEnvidSizeMax, 'x')), "501 5.5.4");
  EXPECT_EQ(Wrong("MAIL FROM:<a@b> BODY=BINARYMIME"), "504 5.5.4");
  for (const char* parameter : {"WRONG=1", "WRONG", "=", "=1", "AUTH=<>", "NOTIFY=NEVER", "SIZE:1"}) {
    EXPECT_EQ(Wrong("MAIL FROM:<a@b> "s + parameter), "555 5.5.4") << parameter;
  }
}

TEST(Command, RcptHasARecipient) {
  EXPECT_EQ(Good("RCPT TO:<a@b>").path.mailbox, "a@b");
  EXPECT_EQ(Good("RCPT TO: <Postmaster>").path.mailbox, "Postmaster");
  EXPECT_EQ(Good("RCPT TO:<@one.example,@two.example:routed@here.example>").path.mailbox, "routed@here.example");
  for (const char* line : {"RCPT TO:<>", "RCPT TO:<a>", "RCPT TO:a@b"}) EXPECT_EQ(Wrong(line), "501 5.1.3") << line;
  for (const char* line : {"RCPT", "RCPT FROM:<a@b>", "RCPT TO:<a@b>,<c@d>"})
    EXPECT_EQ(Wrong(line), "501 5.5.4") << line;
}

TEST(Command, RcptHasParameters) {
  const Command command = Good("RCPT TO:<a@b> NOTIFY=SUCCESS,failure ORCPT=rfc822;x+2By@z.example");
  EXPECT_EQ(command.notify, kNotifySuccess | kNotifyFailure);
  EXPECT_EQ(command.orcpt, "rfc822;x+2By@z.example");
  EXPECT_EQ(Good("RCPT TO:<a@b> NOTIFY=NEVER").notify, kNotifyNever);
  EXPECT_EQ(Good("RCPT TO:<a@b> NOTIFY=DELAY").notify, kNotifyDelay);
  for (const char* parameter :
       {"NOTIFY=", "NOTIFY", "NOTIFY=NEVER,SUCCESS", "NOTIFY=SUCCESS,NEVER", "NOTIFY=,", "NOTIFY=DELAY,",
        "NOTIFY=,DELAY", "NOTIFY=SOMETIMES", "NOTIFY=NEVER NOTIFY=NEVER", "ORCPT=", "ORCPT=rfc822", "ORCPT=rfc822;",
        "ORCPT=;a@b", "ORCPT=rfc822;a=b", "ORCPT=r f;x", "ORCPT=utf-8;\xC3\xBC"}) {
    const std::string wrong = Wrong("RCPT TO:<a@b> "s + parameter);
    EXPECT_TRUE(wrong == "501 5.5.4" || wrong == "555 5.5.4") << parameter << ": " << wrong;
  }
  EXPECT_EQ(Wrong("RCPT TO:<a@b> ORCPT=rfc822;" + std::string(kOrcptSizeMax, 'x')), "501 5.5.4");
  EXPECT_EQ(Wrong("RCPT TO:<a@b> SIZE=1"), "555 5.5.4");
}

TEST(Command, AddressesBeyondAsciiNeedSmtpUtf8) {
  EXPECT_EQ(Wrong("MAIL FROM:<\xC3\xBC@b>"), "553 5.6.7");
  EXPECT_EQ(Wrong("MAIL FROM:<\xC3\xBC@b>", /*utf8=*/true), "553 5.6.7") << "MAIL says it for itself";
  EXPECT_EQ(Good("MAIL FROM:<\xC3\xBC@b> SMTPUTF8").path.mailbox, "\xC3\xBC@b");
  EXPECT_EQ(Wrong("MAIL FROM:<\xFC@b> SMTPUTF8"), "501 5.1.7");
  EXPECT_EQ(Wrong("RCPT TO:<a@b\xC3\xBC>"), "553 5.6.7");
  EXPECT_EQ(Good("RCPT TO:<a@b\xC3\xBC>", /*utf8=*/true).path.domain, "b\xC3\xBC");
  EXPECT_EQ(Good("RCPT TO:<a@b> ORCPT=utf-8;\xC3\xBC@b", /*utf8=*/true).orcpt, "utf-8;\xC3\xBC@b");
  EXPECT_EQ(Wrong("RCPT TO:<a@b> ORCPT=rfc822;\xC3\xBC@b", /*utf8=*/true), "501 5.5.4");
  EXPECT_EQ(Wrong("RCPT TO:<a@b> ORCPT=utf-8;\xFC@b", /*utf8=*/true), "501 5.5.4");
}

TEST(Command, BdatCounts) {
  EXPECT_EQ(Good("BDAT 86400").chunk_size, 86400u);
  EXPECT_FALSE(Good("BDAT 86400").last_chunk);
  EXPECT_EQ(Good("BDAT 0 LAST").chunk_size, 0u);
  EXPECT_TRUE(Good("bdat 0 last").last_chunk);
  for (const char* line :
       {"BDAT", "BDAT ", "BDAT x", "BDAT -1", "BDAT 99999999999999999999", "BDAT 18446744073709551615", "BDAT 1 2",
        "BDAT 1 LAST LAST", "BDAT LAST", "BDAT 1LAST", "BDAT 1x"}) {
    EXPECT_EQ(Wrong(line), "501 5.5.4") << line;
  }
}

}  // namespace
}  // namespace postern
