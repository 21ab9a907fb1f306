#include "relay/route.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

Route To(std::string match) {
  Route route;
  route.match = std::move(match);
  route.maildir = "/tmp/x";
  return route;
}

RouteTable Table(std::vector<std::string> matches) {
  std::vector<Route> routes;
  for (std::string& match : matches) routes.push_back(To(std::move(match)));
  return *RouteTable::Create(std::move(routes));
}

std::string Way(const RouteTable& table, std::string_view domain) {
  const std::optional<uint32_t> index = table.Find(domain);
  return index.has_value() ? table.route(*index).match : "nowhere";
}

TEST(RouteTable, TheExactRuleThenTheLongestSuffixThenTheDefault) {
  const RouteTable table = Table({"*", "example", "b.example", "#b.example", "#c.example", "[192.0.2.1]"});
  EXPECT_EQ(Way(table, "example"), "example");
  EXPECT_EQ(Way(table, "a.example"), "example");
  EXPECT_EQ(Way(table, "b.example"), "#b.example");
  EXPECT_EQ(Way(table, "x.b.example"), "b.example");
  EXPECT_EQ(Way(table, "x.y.b.example"), "b.example");
  EXPECT_EQ(Way(table, "xb.example"), "example");
  EXPECT_EQ(Way(table, "c.example"), "#c.example");
  EXPECT_EQ(Way(table, "x.c.example"), "example");
  EXPECT_EQ(Way(table, "anotherexample"), "*");
  EXPECT_EQ(Way(table, "[192.0.2.1]"), "[192.0.2.1]");
  EXPECT_EQ(Way(table, "[192.0.2.example]"), "*");
  EXPECT_EQ(Way(table, ""), "*");
  EXPECT_EQ(Way(table, "."), "*");
}

TEST(RouteTable, CaseAndAFinalDotDoNotMatter) {
  const RouteTable table = Table({"Example", "#B.example"});
  EXPECT_EQ(Way(table, "A.EXAMPLE."), "Example");
  EXPECT_EQ(Way(table, "b.EXAMPLE"), "#B.example");
  EXPECT_EQ(Way(table, "elsewhere"), "nowhere");
}

TEST(RouteTable, RefusesWhatCannotBeMeant) {
  for (const char* match : {"", "#", ".example", "*.example", "a@b"}) {
    EXPECT_FALSE(RouteTable::Create({To(match)}).ok()) << match;
  }
  EXPECT_FALSE(RouteTable::Create({To("a"), To("A")}).ok());
  EXPECT_FALSE(RouteTable::Create({To("*"), To("*")}).ok());
  EXPECT_TRUE(RouteTable::Create({To("a"), To("#a")}).ok());
  Route empty;
  EXPECT_FALSE(RouteTable::Create({empty}).ok());
  empty.kind = RouteKind::kNextHop;
  EXPECT_FALSE(RouteTable::Create({empty}).ok());
}

TEST(HostPort, Parses) {
  EXPECT_EQ(*ParseHostPort("mail.internal"), (HostPort{"mail.internal", 25}));
  EXPECT_EQ(*ParseHostPort("mail.internal:2525"), (HostPort{"mail.internal", 2525}));
  EXPECT_EQ(*ParseHostPort("[::1]:26"), (HostPort{"::1", 26}));
  EXPECT_EQ(*ParseHostPort("[::1]"), (HostPort{"::1", 25}));
  EXPECT_EQ(ParseHostPort("[::1]:26")->ToString(), "[::1]:26");
  EXPECT_EQ(ParseHostPort("h:26")->ToString(), "h:26");
  for (const char* bad : {"", ":25", "h:", "h:0", "h:65536", "h:25a", "::1", "[::1", "[::1]25", "[]:25", "[::1]:"}) {
    EXPECT_FALSE(ParseHostPort(bad).ok()) << bad;
  }
  EXPECT_EQ(ParseHostPort("mail.internal:25a").status().message(),
            "\"mail.internal:25a\": the port must be 1 to 65535");
}

}  // namespace
}  // namespace postern
