#include "core/domain_table.h"

#include <string>
#include <string_view>

#include "core/limits.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

constexpr uint32_t kNowhere = UINT32_MAX;

// The values are the indices of the rules.
DomainTable Table(std::initializer_list<std::string_view> rules) {
  DomainTable table;
  uint32_t value = 0;
  for (const std::string_view rule : rules) EXPECT_TRUE(table.Add(rule, value++).ok()) << rule;
  return table;
}

uint32_t Find(const DomainTable& table, std::string_view domain) { return table.Find(domain).value_or(kNowhere); }

TEST(DomainTable, TheExactRuleThenTheLongestSuffixThenTheStar) {
  const DomainTable table = Table({"*", "example", "b.example", "#b.example", "#c.example"});
  EXPECT_EQ(Find(table, "example"), 1u);
  EXPECT_EQ(Find(table, "a.example"), 1u);
  EXPECT_EQ(Find(table, "b.example"), 3u);
  EXPECT_EQ(Find(table, "x.b.example"), 2u);
  EXPECT_EQ(Find(table, "x.y.b.example"), 2u);
  EXPECT_EQ(Find(table, "xb.example"), 1u) << "a suffix ends at a dot";
  EXPECT_EQ(Find(table, "c.example"), 4u);
  EXPECT_EQ(Find(table, "x.c.example"), 1u) << "#c.example is c.example alone";
  EXPECT_EQ(Find(table, "anotherexample"), 0u);
  EXPECT_EQ(Find(table, ""), 0u);
  EXPECT_EQ(Find(table, "."), 0u);
}

TEST(DomainTable, CaseAndAFinalDotDoNotMatter) {
  const DomainTable table = Table({"Example.", "#B.example"});
  EXPECT_EQ(Find(table, "A.EXAMPLE."), 0u);
  EXPECT_EQ(Find(table, "b.EXAMPLE"), 1u);
  EXPECT_EQ(Find(table, "elsewhere"), kNowhere);
}

TEST(DomainTable, AnAddressLiteralHasNoSubdomains) {
  const DomainTable table = Table({"[192.0.2.1]", "1]", "example"});
  EXPECT_EQ(Find(table, "[192.0.2.1]"), 0u);
  EXPECT_EQ(Find(table, "[198.51.100.1]"), kNowhere);
  EXPECT_EQ(Find(table, "[IPv6:::1.example"), kNowhere);
}

TEST(DomainTable, NoDomainIsLongerThanTheLimit) {
  const DomainTable table = Table({"example"});
  const std::string prefix(kDomainSizeMax - std::string_view(".example").size(), 'x');
  EXPECT_EQ(Find(table, prefix + ".example"), 0u);
  EXPECT_EQ(Find(table, prefix + ".example."), 0u);
  EXPECT_EQ(Find(table, "x" + prefix + ".example"), kNowhere);
  EXPECT_EQ(Find(table, std::string(100'000, '.')), kNowhere);
}

TEST(DomainTable, RefusesWhatCannotBeMeant) {
  DomainTable table;
  for (const char* rule : {"", "#", ".", "#.", ".example", "*.example", "**", "a@b", "##a", "#*", "a b"}) {
    EXPECT_FALSE(table.Add(rule, 0).ok()) << rule;
  }
  EXPECT_FALSE(table.Add(std::string(kDomainSizeMax + 1, 'x'), 0).ok());
  EXPECT_TRUE(table.Add("a", 1).ok());
  EXPECT_TRUE(table.Add("#a", 2).ok());
  EXPECT_TRUE(table.Add("*", 3).ok());
  for (const char* rule : {"a", "A", "a.", "#A", "*"}) {
    EXPECT_EQ(table.Add(rule, 9).message(), "there is another rule of this name") << rule;
  }
  EXPECT_EQ(Find(table, "a"), 2u) << "a refused rule changes nothing";
}

}  // namespace
}  // namespace postern
