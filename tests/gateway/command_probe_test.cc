#include "gateway/command_probe.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gateway/exit_code.h"
#include "gateway/mail_product.h"
#include "gtest/gtest.h"
#include "tests/gateway/line_server.h"

namespace postern {
namespace {

constexpr char kGreeting[] = "220 gateway.example ESMTP Postern service ready\r\n";
constexpr char kEhlo[] = "250-gateway.example\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n";
constexpr char kHelp[] = "214-Postern 0.1.0\r\n214 instance=5ca1ab1e\r\n";
constexpr char kBye[] = "221 bye\r\n";

class ProbeTest : public testing::Test {
 protected:
  int RunProbe(const std::string& target, const absl::StatusOr<std::string>& identity) {
    out_.clear();
    return Probe(
        target, [&] { return identity; }, out_);
  }
  void ExpectTold(std::string_view part) {
    EXPECT_TRUE(absl::StrContains(out_, part)) << part << " is missing in:\n" << out_;
  }
  std::string out_;
};

TEST_F(ProbeTest, KnowsThisGatewayAgain) {
  LineServer server({kGreeting, kEhlo, kHelp, kBye});
  EXPECT_EQ(RunProbe(server.address().ToString(), "5ca1ab1e"), kExitOk);
  for (const char* part : {"< 220 gateway.example ESMTP Postern service ready", "< 250-PIPELINING", "> HELP",
                           "Product: Postern", "It is this gateway"}) {
    ExpectTold(part);
  }
}

TEST_F(ProbeTest, KnowsWhenItIsAnotherPostern) {
  LineServer server({kGreeting, kEhlo, kHelp, kBye});
  EXPECT_EQ(RunProbe(server.address().ToString(), "0ddba115"), kExitOk);
  ExpectTold("NOT the gateway that runs here, but another Postern");
  EXPECT_EQ(RunProbe(server.address().ToString(), absl::NotFoundError("no gateway runs here")), kExitOk);
  ExpectTold("no gateway runs here");
  EXPECT_EQ(RunProbe(server.address().ToString(), ""), kExitOk);
  EXPECT_FALSE(absl::StrContains(out_, "It is this gateway")) << "nobody is identified by nothing";
}

TEST_F(ProbeTest, TellsAStrangerThatLeavesAfterItsGreeting) {
  LineServer server({"220 squatter.example ESMTP Squatter 1.0\r\n"});
  EXPECT_EQ(RunProbe(server.address().ToString(), "5ca1ab1e"), kExitOk);
  ExpectTold("220 squatter.example ESMTP Squatter 1.0");
  ExpectTold("Product: unknown");
  ExpectTold("the connection was closed");
}

TEST_F(ProbeTest, NobodyAnswers) {
  std::string target;
  {
    LineServer server({});
    target = server.address().ToString();
    EXPECT_EQ(RunProbe(target, "5ca1ab1e"), kExitUnavailable) << "it closes without a word";
    ExpectTold("It says nothing");
  }
  EXPECT_EQ(RunProbe(target, "5ca1ab1e"), kExitUnavailable);
  ExpectTold("Connection refused");
}

TEST_F(ProbeTest, NamesAreLookedUpAndPortsAreRead) {
  LineServer server({kGreeting, kEhlo, kHelp, kBye});
  EXPECT_EQ(RunProbe("localhost:" + std::to_string(server.address().port), "5ca1ab1e"), kExitOk) << out_;
  EXPECT_EQ(RunProbe("localhost:25a", "5ca1ab1e"), kExitUsage);
  EXPECT_EQ(RunProbe("host.invalid", "5ca1ab1e"), kExitUnavailable);
}

TEST(MailProduct, IsKnownByItsWords) {
  struct Case {
    const char* product;
    const char* greeting;
    const char* ehlo;
    const char* help;
  };
  for (const Case& c : {
           Case{"Postern", "220 x ESMTP ready", "", "214 Postern 0.1"},
           Case{"Postfix", "220 mail.example ESMTP Postfix (Debian/GNU)", "250 x",
                "500 5.5.2 Error: command not recognized"},
           Case{"Postfix", "220 mail.example ESMTP", "250 x", "502 5.5.2 Error: command not recognized"},
           Case{"Exim", "220 mail.example ESMTP Exim 4.96 Wed, 25 Nov 2026", "", ""},
           Case{"Exim", "220 mail.example ESMTP", "", "214-Commands supported:\n214 AUTH HELO EHLO MAIL"},
           Case{"Sendmail", "220 x ESMTP", "", "214-2.0.0 This is sendmail version 8.17.1"},
           Case{"OpenSMTPD", "220 x ESMTP OpenSMTPD", "", "214-This is OpenSMTPD"},
           Case{"qmail", "220 x ESMTP", "250-x", "214 qmail home page: http://pobox.com/~djb/qmail.html"},
           Case{"Haraka", "220 x ESMTP Haraka/3.0.3 ready", "250-x Hello, Haraka is at your service.", ""},
           Case{"Microsoft Exchange", "220 x Microsoft ESMTP MAIL Service ready", "250-X-ANONYMOUSTLS", ""},
           Case{"Microsoft Exchange or IIS", "220 x Microsoft ESMTP MAIL Service, Version: 10.0", "250-TURN", ""},
           Case{"Microsoft Exchange Internet Mail Service",
                "220 x ESMTP Server (Microsoft Exchange Internet Mail Service 5.5.2653.13) ready", "250-XEXCH50", ""},
           Case{"smtp-sink, the test server of Postfix", "220 smtp-sink ESMTP", "250-smtp-sink", ""},
           Case{"", "220 squatter.example ESMTP Squatter", "", ""},
       }) {
    EXPECT_EQ(MailProductOf(c.greeting, c.ehlo, c.help), c.product) << c.greeting;
  }
}

}  // namespace
}  // namespace postern
