#include "tests/smtp/report_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

// Takes the text before `end` off the front of `text`, and `end` with it.
std::string_view TakeUpTo(std::string_view end, std::string_view& text) {
  const size_t at = text.find(end);
  EXPECT_NE(at, std::string_view::npos) << "no " << end << " in " << text;
  if (at == std::string_view::npos) return std::exchange(text, "");
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at + end.size());
  return before;
}

// `text` is whole lines.
ReadFields ReadLines(std::string_view text) {
  ReadFields fields;
  while (!text.empty()) {
    const std::string_view line = TakeUpTo("\r\n", text);
    if (line.starts_with(' ') || line.starts_with('\t')) {
      EXPECT_NE(line.find_first_not_of(" \t"), std::string_view::npos) << "a folded line of spaces";
      EXPECT_FALSE(fields.all.empty());
      if (!fields.all.empty()) fields.all.back().second.append(line);
      continue;
    }
    const size_t colon = line.find(':');
    EXPECT_NE(colon, std::string_view::npos) << line;
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    EXPECT_TRUE(!name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F; }));
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    fields.all.emplace_back(name, value);
  }
  return fields;
}

// A header, and what follows its empty line.
ReadFields TakeHeader(std::string_view& text) {
  const std::string_view header = TakeUpTo("\r\n\r\n", text);
  return ReadLines(absl::StrCat(header, "\r\n"));
}

}  // namespace

std::string ReadFields::Value(std::string_view name) const {
  std::string value = "(none)";
  for (const auto& [field, text] : all) {
    if (field == name) value = value == "(none)" ? text : "(several)";
  }
  return value;
}

std::vector<ReadFields> ReadReport::status() const {
  std::vector<ReadFields> groups;
  if (parts.size() < 2) return groups;
  std::string_view body = parts[1].body;
  EXPECT_TRUE(body.ends_with("\r\n"));
  for (const std::string_view group : absl::StrSplit(body, "\r\n\r\n")) {
    groups.push_back(ReadLines(group.ends_with("\r\n") ? std::string(group) : absl::StrCat(group, "\r\n")));
  }
  return groups;
}

ReadReport ReadReportText(std::string_view text) {
  ReadReport report;
  report.header = TakeHeader(text);
  const std::string type = report.header.Value("Content-Type");
  std::string_view rest = type;
  EXPECT_EQ(TakeUpTo("boundary=\"", rest), "multipart/report; report-type=delivery-status;\t");
  const std::string boundary(TakeUpTo("\"", rest));
  EXPECT_LE(boundary.size(), 70u);
  const std::string line = absl::StrCat("--", boundary, "\r\n");
  EXPECT_TRUE(text.starts_with(line));
  text.remove_prefix(line.size());
  const std::string end = absl::StrCat("\r\n--", boundary, "--\r\n");
  EXPECT_TRUE(text.ends_with(end));
  text.remove_suffix(std::min(text.size(), end.size()));
  for (std::string_view part : absl::StrSplit(text, absl::StrCat("\r\n", line))) {
    report.parts.emplace_back();
    report.parts.back().header = TakeHeader(part);
    report.parts.back().body = std::string(part);
    EXPECT_EQ(part.find(boundary), std::string_view::npos);
  }
  return report;
}

void ExpectSoundLines(std::string_view text) {
  EXPECT_TRUE(text.ends_with("\r\n"));
  while (!text.empty()) {
    const std::string_view line = TakeUpTo("\r\n", text);
    EXPECT_LE(line.size(), 998u);
    const auto is_control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7F; };
    EXPECT_TRUE(std::none_of(line.begin(), line.end(), is_control)) << line;
  }
}

}  // namespace postern
