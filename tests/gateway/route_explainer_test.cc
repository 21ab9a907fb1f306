// Which way an address goes, told of every kind of route, with a DNS that says what the test wants.

#include "gateway/route_explainer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/relay/scripted_dns.h"

namespace postern {
namespace {

class RouteExplainerTest : public testing::Test {
 protected:
  void Configure(std::string_view text) {
    const std::string whole =
        absl::StrCat("hostname = \"gw.example\"\nlisten = [\"192.0.2.1:25\", \"127.0.0.1:25\"]\n", text);
    for (const ConfigError& error : ParseConfig(whole, "f.toml", config_)) ADD_FAILURE() << error.ToString();
    routes_ = *RouteTable::Create(config_.routes);
  }

  RouteExplanation Explain(std::string_view address) {
    RouteExplainer explainer(config_, routes_, config_.listen, dns_, [this](MonotonicTime until) {
      now_ = std::max(now_, std::min(until, now_ + RouteExplainer::kSearchTimeMax));
      return now_;
    });
    return explainer.Explain(address);
  }
  std::string Text(std::string_view address) { return ToText(Explain(address), "f.toml"); }
  std::string Line(std::string_view json) { return ToLine(ToJson(Explain(json), "f.toml")); }

  Config config_;
  RouteTable routes_;
  ScriptedDns dns_;
  MonotonicTime now_{1'000'000'000};
};

constexpr std::string_view kMxLimits =
    "  limits    10 connections to a host, 8 messages each; 100 recipients in a transaction; no limit of size\n"
    "  retry     after 15m, 30m, 1h, then every 4h; given up after 2d (urgent 1d, non-urgent 3d); no delay notice\n";
constexpr std::string_view kMx = "[[route]]\ndomain = \"*\"\nmx = true\n";

TEST_F(RouteExplainerTest, TheExchangesByPreference) {
  Configure(kMx);
  dns_.SetMx("there.example", {{20, "b.there.example"}, {10, "a.there.example"}, {30, "gone.there.example"}});
  dns_.SetAddresses("a.there.example", {"2001:db8::1", "192.0.2.7"});
  dns_.SetAddresses("b.there.example", {"192.0.2.8"});
  EXPECT_EQ(Text("Kim@There.example"),
            absl::StrCat("Kim@There.example\n"
                         "  rule      \"*\", line 3 of f.toml\n"
                         "  way       mx\n"
                         "  hosts     10 a.there.example: [2001:db8::1]:25, 192.0.2.7:25\n"
                         "            20 b.there.example: 192.0.2.8:25\n"
                         "            30 gone.there.example (left out: has no address: NXDOMAIN)\n"
                         "  now       goes to the first of the hosts that answers\n",
                         kMxLimits));
  EXPECT_EQ(Explain("kim@there.example").verdict, RouteExplanation::Verdict::kGoes);
}

TEST_F(RouteExplainerTest, OurselvesAndWhatIsNoBetterIsLeftOut) {
  Configure(kMx);
  dns_.SetMx("here.example",
             {{10, "a.example"}, {20, "by_address.example"}, {20, "equal.example"}, {30, "GW.example"}});
  dns_.SetAddresses("a.example", {"192.0.2.7"});
  dns_.SetAddresses("by_address.example", {"192.0.2.1"});
  dns_.SetAddresses("equal.example", {"192.0.2.8"});
  dns_.SetAddresses("GW.example", {"192.0.2.9"});
  EXPECT_EQ(Text("kim@here.example"),
            absl::StrCat("kim@here.example\n"
                         "  rule      \"*\", line 3 of f.toml\n"
                         "  way       mx\n"
                         "  hosts     10 a.example: 192.0.2.7:25\n"
                         "            20 by_address.example: 192.0.2.1:25 (left out: this is the gateway itself)\n"
                         "            20 equal.example: 192.0.2.8:25 (left out: no better than the gateway itself)\n"
                         "            30 GW.example: 192.0.2.9:25 (left out: this is the gateway itself)\n"
                         "  now       goes to the first of the hosts that answers\n",
                         kMxLimits));
}

TEST_F(RouteExplainerTest, ADomainOfAnotherScriptAndAnAddress) {
  Configure(kMx);
  dns_.SetMx("xn--bcher-kva.example", {{10, "a.example"}, {20, "gone.example"}});
  dns_.SetAddresses("a.example", {"192.0.2.7"});
  EXPECT_EQ(Explain("kim@bücher.example").hosts.size(), 2u);
  const RouteExplanation literal = Explain("kim@[192.0.2.9]");
  ASSERT_EQ(literal.hosts.size(), 1u);
  EXPECT_EQ(literal.hosts[0].name, "192.0.2.9");
  EXPECT_EQ(dns_.asked, (std::vector<std::string>{"mx xn--bcher-kva.example", "a a.example", "a gone.example"}));
}

TEST_F(RouteExplainerTest, ALoopIsRefused) {
  Configure(kMx);
  dns_.SetMx("here.example", {{10, "gw.example"}});
  dns_.SetAddresses("gw.example", {"192.0.2.1"});
  const RouteExplanation explanation = Explain("kim@here.example");
  EXPECT_EQ(explanation.verdict, RouteExplanation::Verdict::kRefused);
  EXPECT_EQ(explanation.text.substr(0, 5), "5.4.6") << explanation.text;
  ASSERT_EQ(explanation.hosts.size(), 1u);
  EXPECT_FALSE(explanation.hosts[0].tried);
}

TEST_F(RouteExplainerTest, WhereNoMailGoes) {
  Configure(kMx);
  dns_.SetMx("null.example", {{0, ""}});
  dns_.Set("silent.example", DnsType::kMx, DnsStatus::kFailed);
  EXPECT_EQ(Explain("kim@nowhere.example").text.substr(0, 5), "5.1.2");
  EXPECT_EQ(Explain("kim@nowhere.example").verdict, RouteExplanation::Verdict::kRefused);
  EXPECT_EQ(Explain("kim@null.example").text, "5.1.10 null.example takes no mail (null MX)");
  EXPECT_EQ(Explain("kim@null.example").verdict, RouteExplanation::Verdict::kRefused);
  EXPECT_EQ(Explain("kim@silent.example").text.substr(0, 5), "4.4.3");
  EXPECT_EQ(Explain("kim@silent.example").verdict, RouteExplanation::Verdict::kWaits);
}

TEST_F(RouteExplainerTest, NameServersThatAreSilentAreNotWaitedForForEver) {
  Configure(kMx);
  dns_.answers_per_turn = 0;
  const RouteExplanation explanation = Explain("kim@there.example");
  EXPECT_EQ(explanation.verdict, RouteExplanation::Verdict::kWaits);
  EXPECT_EQ(explanation.text, "the name servers have not answered yet");
  EXPECT_GE(now_ - MonotonicTime{1'000'000'000}, RouteExplainer::kSearchTimeMax);
}

TEST_F(RouteExplainerTest, NamedHosts) {
  Configure(
      "[[route]]\ndomain = \"there.example\"\nnext_hop = [\"a.example\", \"none.example:26\", \"[2001:db8::9]\"]");
  dns_.SetAddresses("a.example", {"192.0.2.1"});
  EXPECT_EQ(Text("kim@sub.there.example"),
            absl::StrCat("kim@sub.there.example\n"
                         "  rule      \"there.example\", line 3 of f.toml\n"
                         "  way       next_hop a.example:25, none.example:26, [2001:db8::9]:25\n"
                         "  hosts     a.example: 192.0.2.1:25 (this is the gateway itself: mail would go round)\n"
                         "            2001:db8::9: [2001:db8::9]:25\n"
                         "            none.example (left out: has no address: NXDOMAIN)\n"
                         "  now       goes to the first of the hosts that answers\n",
                         kMxLimits));
}

TEST_F(RouteExplainerTest, NamedHostsOfWhichNoneHasAnAddress) {
  Configure("[[route]]\ndomain = \"*\"\nlmtp = \"none.example\"");
  const RouteExplanation explanation = Explain("kim@there.example");
  EXPECT_EQ(explanation.verdict, RouteExplanation::Verdict::kWaits);
  ASSERT_EQ(explanation.hosts.size(), 1u);
  EXPECT_EQ(explanation.hosts[0].port, 24);
  EXPECT_FALSE(explanation.hosts[0].tried);
}

TEST_F(RouteExplainerTest, TheLastStops) {
  Configure(
      "[[route]]\ndomain = \"box.example\"\nmaildir = \"/m/{domain}/{local}\"\nmessage_size_max = \"1MiB\"\n"
      "[[route]]\ndomain = \"moved.example\"\nreject = \"gone away\"\n"
      "[[route]]\ndomain = \"hole.example\"\ndiscard = true\n"
      "[[route]]\ndomain = \"#gw.example\"\nlmtp = \"unix:/run/lmtp\"\n");
  EXPECT_EQ(Text("Kim.X@box.example"),
            "Kim.X@box.example\n"
            "  rule      \"box.example\", line 3 of f.toml\n"
            "  way       maildir /m/{domain}/{local}\n"
            "  now       goes into /m/box.example/kim.x\n"
            "  limits    1MiB a message\n"
            "  retry     after 15m, 30m, 1h, then every 4h; given up after 2d (urgent 1d, non-urgent 3d); no delay "
            "notice\n");
  EXPECT_EQ(Text("kim@moved.example"),
            "kim@moved.example\n"
            "  rule      \"moved.example\", line 7 of f.toml\n"
            "  way       reject: gone away\n"
            "  now       refused: gone away\n");
  EXPECT_EQ(Text("kim@hole.example"),
            "kim@hole.example\n"
            "  rule      \"hole.example\", line 10 of f.toml\n"
            "  way       discard\n"
            "  now       is taken and thrown away\n");
  EXPECT_EQ(Text("postmaster"), absl::StrCat("postmaster\n"
                                             "  rule      \"#gw.example\", line 13 of f.toml\n"
                                             "  way       lmtp unix:/run/lmtp\n"
                                             "  now       goes to unix:/run/lmtp\n",
                                             kMxLimits));
  EXPECT_EQ(Text("kim@elsewhere.example"),
            "kim@elsewhere.example\n"
            "  rule      none\n"
            "  now       refused: no route takes mail for elsewhere.example\n");
  EXPECT_TRUE(dns_.asked.empty());
}

TEST_F(RouteExplainerTest, WhatHasToLeaveWaitsWhileTheModeIsInbound) {
  Configure(absl::StrCat("transfer = \"inbound\"\n", kMx));
  dns_.SetMx("there.example", {{10, "a.example"}});
  dns_.SetAddresses("a.example", {"192.0.2.7"});
  const RouteExplanation explanation = Explain("kim@there.example");
  EXPECT_EQ(explanation.verdict, RouteExplanation::Verdict::kWaits);
  EXPECT_EQ(explanation.text, "the gateway's mode is transfer = \"inbound\"");
}

TEST_F(RouteExplainerTest, AsJson) {
  Configure(absl::StrCat(kMx, "by_priority = false\nretry = \"90s\"\n"));
  dns_.SetMx("there.example", {{10, "a.example"}, {20, "gone.example"}});
  dns_.SetAddresses("a.example", {"192.0.2.7"});
  EXPECT_EQ(Line("kim@there.example"),
            R"({"address":"kim@there.example","rule":{"domain":"*","line":3,"file":"f.toml"},"kind":"mx","hosts":[)"
            R"({"host":"a.example","port":25,"preference":10,"addresses":["192.0.2.7:25"],"tried":true},)"
            R"({"host":"gone.example","port":25,"preference":20,"addresses":[],"tried":false,)"
            R"("note":"has no address: NXDOMAIN"}],"limits":{"message_size_max":0,"connections_max":10,)"
            R"("messages_per_connection_max":8,"recipients_per_transaction_max":100,"eight_bit":"pass"},)"
            R"("schedule":{"retry":[90],"expiry":172800,"expiry_urgent":172800,"expiry_non_urgent":172800,)"
            R"("delay_notice":0},"now":"goes"})");
}

}  // namespace
}  // namespace postern
