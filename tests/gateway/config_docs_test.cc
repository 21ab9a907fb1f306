// docs/configuration.md and the table of keys say the same, and its example is good.

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gateway/config_keys.h"
#include "gateway/route_keys.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

std::string Documentation() {
  std::ifstream file("docs/configuration.md");
  EXPECT_TRUE(file) << "run by Bazel, which lays it beside the test";
  return {std::istreambuf_iterator<char>(file), {}};
}

// The rows below "## [limits]" and the like; below "## On top" those without a section.
std::multimap<std::string, std::string> DocumentedRows() {
  std::multimap<std::string, std::string> rows;
  std::string section;
  for (const std::string_view line : absl::StrSplit(Documentation(), '\n')) {
    if (line.substr(0, 3) == "## ") {
      const std::string_view title = line.substr(3);
      const size_t open = title.find_first_not_of("`[");
      section = title[0] == '`' ? std::string(title.substr(open, title.find(']') - open)) : "";
    }
    if (line.substr(0, 3) == "| `") rows.emplace(section, line);
  }
  return rows;
}

TEST(ConfigDocsTest, EveryKeyIsDocumentedAndNothingElse) {
  std::multimap<std::string, std::string> documented = DocumentedRows();
  for (const ConfigKeyRow& key : ConfigKeyRows()) {
    const auto [begin, end] = documented.equal_range(std::string(key.section));
    auto row = begin;
    while (row != end && row->second != key.row) ++row;
    if (row == end) {
      ADD_FAILURE() << "docs/configuration.md lacks, below [" << key.section << "]:\n" << key.row;
    } else {
      documented.erase(row);
    }
  }
  for (const auto& [section, row] : documented) {
    ADD_FAILURE() << "docs/configuration.md has, below [" << section << "], what no key says:\n" << row;
  }
}

TEST(ConfigDocsTest, EveryExampleIsGood) {
  for (const ConfigKey<Config>& key : ConfigKeys()) {
    const std::string section = key.section.empty() ? "" : absl::StrCat("[", key.section, "]\n");
    Config config;
    for (const ConfigError& error : ParseConfig(absl::StrCat(section, key.name, " = ", key.example), "f", config)) {
      ADD_FAILURE() << error.ToString();
    }
    EXPECT_EQ(key.show(config).empty(), false);
    EXPECT_NE(key.show(config), key.show(FileDefaults())) << key.name << ": the example should differ from the default";
  }
}

TEST(ConfigDocsTest, EveryExampleOfARouteIsGood) {
  for (const RouteKey& key : RouteKeys()) {
    std::string text = "[[route]]\n";
    if (key.key.name != "domain") absl::StrAppend(&text, "domain = \"*\"\n");
    // A key that is no way needs one that it suits.
    for (const RouteKey& way : RouteKeys()) {
      if (key.way.has_value() || !way.way.has_value() || !key.Suits(*way.way)) continue;
      absl::StrAppend(&text, way.key.name, " = ", way.key.example, "\n");
      break;
    }
    absl::StrAppend(&text, key.key.name, " = ", key.key.example, "\n");
    Config config;
    for (const ConfigError& error : ParseConfig(text, "f", config)) ADD_FAILURE() << error.ToString() << "\n" << text;
    ASSERT_EQ(config.routes.size(), 1u);
    // What is reserved has one value only.
    if (key.key.name == "tls") continue;
    EXPECT_NE(key.key.show(config.routes[0]), key.key.show(Route{})) << key.key.name;
  }
}

TEST(ConfigDocsTest, EveryDefaultIsGood) {
  for (const ConfigKey<Config>& key : ConfigKeys()) {
    const std::string section = key.section.empty() ? "" : absl::StrCat("[", key.section, "]\n");
    const std::string shown = key.show(FileDefaults());
    Config config;
    for (const ConfigError& error : ParseConfig(absl::StrCat(section, key.name, " = ", shown), "f", config)) {
      ADD_FAILURE() << error.ToString();
    }
    if (key.name == "hostname" || key.name == "postmaster") continue;  // left empty, they become the machine's
    EXPECT_EQ(key.show(config), shown) << "what is shown is read as the same";
  }
}

TEST(ConfigDocsTest, TheWholeExampleIsGood) {
  const std::string text = Documentation();
  const std::string fence = "```toml\n";
  size_t count = 0;
  for (size_t at = text.find(fence); at != std::string::npos; at = text.find(fence, at + 1)) {
    const size_t start = at + fence.size();
    Config config;
    for (const ConfigError& error : ParseConfig(text.substr(start, text.find("```", start) - start), "docs", config)) {
      ADD_FAILURE() << error.ToString();
    }
    ++count;
  }
  EXPECT_GT(count, 0u);
}

}  // namespace
}  // namespace postern
