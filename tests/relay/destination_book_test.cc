// Which destination a recipient belongs to, and what it is called.

#include "relay/destination_book.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

Route MakeRoute(std::string match, RouteKind kind) {
  Route route;
  route.match = std::move(match);
  route.kind = kind;
  route.maildir = "/mail/{domain}/{local}";
  route.next_hops = {{.host = "mail.internal"}};
  return route;
}

RouteTable MakeTable(std::vector<Route> routes) {
  absl::StatusOr<RouteTable> table = RouteTable::Create(std::move(routes));
  EXPECT_TRUE(table.ok()) << table.status();
  return *std::move(table);
}

class DestinationBookTest : public testing::Test {
 protected:
  const std::string& NameOf(std::string_view address) { return book_.entry(book_.Find(address)).name; }

  const RouteTable routes_ =
      MakeTable({MakeRoute("internal.example", RouteKind::kNextHop), MakeRoute("#Host.Example", RouteKind::kMaildir),
                 MakeRoute("#sub.internal.example", RouteKind::kMx), MakeRoute("org", RouteKind::kMx)});
  DestinationBook book_{routes_, "host.example"};
};

TEST_F(DestinationBookTest, ARouteIsOneDestinationForAllItsDomains) {
  EXPECT_EQ(NameOf("a@internal.example"), "internal.example");
  EXPECT_EQ(NameOf("b@deep.below.INTERNAL.example"), "internal.example");
  EXPECT_EQ(NameOf("c@host.example"), "#host.example");
  EXPECT_EQ(book_.entry(book_.Find("a@internal.example")).route, 0u);
  EXPECT_EQ(book_.entry(book_.Find("a@internal.example")).domain, "");
  EXPECT_EQ(book_.Find("a@internal.example"), book_.Find("z@other.internal.example"));
}

TEST_F(DestinationBookTest, BehindAnMxRouteEachDomainIsOne) {
  const uint32_t first = book_.Find("a@Example.ORG");
  EXPECT_EQ(book_.entry(first).name, "example.org");
  EXPECT_EQ(book_.entry(first).domain, "example.org");
  EXPECT_EQ(book_.entry(first).route, 3u);
  EXPECT_EQ(book_.Find("b@example.org."), first);
  EXPECT_NE(book_.Find("b@other.org"), first);
  EXPECT_EQ(NameOf("a@sub.internal.example"), "sub.internal.example");
}

TEST_F(DestinationBookTest, WhoHasNoDomainIsOfOurHost) { EXPECT_EQ(NameOf("postmaster"), "#host.example"); }

TEST_F(DestinationBookTest, WhatFitsNoRuleAndWhatIsDeadHaveTheirPlaces) {
  EXPECT_EQ(book_.Find("a@nowhere.example"), book_.no_route());
  EXPECT_EQ(book_.entry(book_.no_route()).name, "no-route");
  EXPECT_EQ(book_.entry(book_.no_route()).route, DestinationBook::kNoRoute);
  EXPECT_EQ(book_.entry(book_.dead_letters()).name, "dead-letters");
}

TEST_F(DestinationBookTest, NamesAreFoundAsTheyAreTyped) {
  const uint32_t organisation = book_.Find("a@example.org");
  EXPECT_EQ(book_.FindName("example.org"), organisation);
  EXPECT_EQ(book_.FindName("EXAMPLE.org."), organisation);
  EXPECT_EQ(book_.FindName("#HOST.example"), book_.Find("postmaster"));
  EXPECT_EQ(book_.FindName("dead-letters"), book_.dead_letters());
  EXPECT_EQ(book_.FindName("other.org"), std::nullopt) << "nobody there has mail";
  EXPECT_EQ(book_.FindName("org"), std::nullopt) << "an mx route is no destination itself";
  EXPECT_EQ(book_.FindName(""), std::nullopt);
}

TEST_F(DestinationBookTest, ASlotIsUsedAgain) {
  const uint32_t first = book_.Find("a@one.org");
  const uint32_t count = book_.count();
  book_.Remove(first);
  EXPECT_FALSE(book_.entry(first).used);
  EXPECT_EQ(book_.FindName("one.org"), std::nullopt);
  EXPECT_EQ(book_.Find("a@two.org"), first);
  EXPECT_EQ(book_.count(), count);
  EXPECT_EQ(book_.entry(first).name, "two.org");
  EXPECT_NE(book_.Find("a@one.org"), first);
}

TEST_F(DestinationBookTest, MistypedNamesAreRecognised) {
  book_.Find("a@example.org");
  using Names = std::vector<std::string>;
  EXPECT_EQ(book_.NamesLike("exmaple.org", 5), Names{"example.org"}) << "two letters changed places";
  EXPECT_EQ(book_.NamesLike("exampl.org", 5), Names{"example.org"});
  EXPECT_EQ(book_.NamesLike("Example.org.x", 5), Names{"example.org"});
  EXPECT_EQ(book_.NamesLike("a@example.org", 5), Names{"example.org"}) << "an address";
  EXPECT_EQ(book_.NamesLike("host.example", 5), Names{"#host.example"}) << "without its mark";
  EXPECT_EQ(book_.NamesLike("example", 5), (Names{"internal.example", "#host.example", "example.org"}));
  EXPECT_EQ(book_.NamesLike("example", 1), Names{"internal.example"});
  EXPECT_EQ(book_.NamesLike("elsewhere.invalid", 5), Names{});
  EXPECT_EQ(book_.NamesLike("", 5), Names{});
}

// One name is one destination, whatever the rules and the domains are called.
TEST(DestinationBookNamesTest, NoTwoHaveOneName) {
  const RouteTable routes =
      MakeTable({MakeRoute("example.org", RouteKind::kNextHop), MakeRoute("#example.org", RouteKind::kMx),
                 MakeRoute("no-route", RouteKind::kDiscard), MakeRoute("*", RouteKind::kMx)});
  DestinationBook book(routes, "host.example");
  const uint32_t below = book.Find("a@below.example.org");
  const uint32_t alone = book.Find("a@example.org");
  const uint32_t discarded = book.Find("a@no-route");
  const uint32_t letters = book.Find("a@dead-letters");
  EXPECT_EQ(book.entry(below).name, "example.org");
  EXPECT_EQ(book.entry(alone).name, "#example.org");
  EXPECT_EQ(book.entry(alone).domain, "example.org");
  EXPECT_EQ(book.Find("b@example.org"), alone);
  EXPECT_EQ(book.entry(discarded).name, "#no-route");
  EXPECT_EQ(book.entry(letters).name, "#dead-letters");
  for (const uint32_t destination : {below, alone, discarded, letters}) {
    EXPECT_EQ(book.FindName(book.entry(destination).name), destination);
  }
}

}  // namespace
}  // namespace postern
