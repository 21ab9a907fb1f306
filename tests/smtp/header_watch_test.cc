#include "smtp/header_watch.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

constexpr std::string_view kHostname = "gate.example";

struct Seen {
  uint32_t hop_count = 0;
  uint32_t own_hop_count = 0;
  MessagePriority priority = MessagePriority::kUnset;
  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << seen.hop_count << " hops, " << seen.own_hop_count << " ours, priority "
             << static_cast<int>(seen.priority);
}

// In pieces of at most `size_max`, drawn from `random`; all at once without it.
Seen Watch(std::string_view message, size_t size_max, std::mt19937* random) {
  HeaderWatch watch;
  watch.Start(kHostname);
  while (!message.empty()) {
    const std::string_view piece = message.substr(0, random == nullptr ? size_max : 1 + (*random)() % size_max);
    watch.Update(piece);
    message.remove_prefix(piece.size());
  }
  return {watch.hop_count(), watch.own_hop_count(), watch.priority()};
}

Seen Watch(std::string_view message) {
  const Seen whole = Watch(message, message.size() + 1, nullptr);
  EXPECT_EQ(Watch(message, 1, nullptr), whole) << message;
  return whole;
}

uint32_t Hops(std::string_view message) { return Watch(message).hop_count; }
uint32_t OwnHops(std::string_view value) { return Watch(absl::StrCat("Received:", value, "\r\n\r\n")).own_hop_count; }
MessagePriority Priority(std::string_view message) { return Watch(message).priority; }

TEST(HeaderWatch, CountsHopsWhateverTheirCase) {
  EXPECT_EQ(Hops("Received: from a\r\nRECEIVED:b\r\nreceived: c\r\n\r\n"), 3u);
  EXPECT_EQ(Hops("Subject: x\r\nReceived: from a\r\n\tby Received: b\r\nTo: y\r\n\r\n"), 1u);
}

TEST(HeaderWatch, CountsNothingElse) {
  EXPECT_EQ(Hops(""), 0u);
  EXPECT_EQ(Hops("Received\r\nReceived-SPF: pass\r\n Received: folded\r\nXReceived: x\r\nRece\r\nived: y\r\n"), 0u);
  EXPECT_EQ(Hops("Received"), 0u);
  EXPECT_EQ(Hops("Receive\r\nReceived: x\r\n"), 1u) << "the end of a line that began well is a line's end";
}

TEST(HeaderWatch, StopsAtTheFirstEmptyLine) {
  EXPECT_EQ(Hops("Received: a\r\n\r\nReceived: b\r\n"), 1u);
  EXPECT_EQ(Watch("\r\nReceived: by gate.example\r\nPriority: urgent\r\n"), Seen());
}

TEST(HeaderWatch, StartsAnew) {
  HeaderWatch watch;
  watch.Start(kHostname);
  watch.Update("Priority: urgent\r\nReceived: from a by gate.example\r\n\r\n");
  EXPECT_EQ(watch.own_hop_count(), 1u);
  watch.Start("other.example");
  EXPECT_EQ(watch.priority(), MessagePriority::kUnset);
  watch.Update("Received: a\r\nReceived: by gate.example\r\n");
  EXPECT_EQ(watch.hop_count(), 2u);
  EXPECT_EQ(watch.own_hop_count(), 0u);
}

TEST(HeaderWatch, KnowsItsOwnLines) {
  EXPECT_EQ(OwnHops(" from x ([192.0.2.1])\r\n\tby gate.example with ESMTP id 1;\r\n\tdate"), 1u);
  EXPECT_EQ(OwnHops("by gate.example"), 1u);
  EXPECT_EQ(OwnHops(" from x by\r\n \t gate.example;date"), 1u) << "folded by somebody else";
  EXPECT_EQ(OwnHops(" by gate.example(Postern)"), 1u);
  EXPECT_EQ(OwnHops(" by other by gate.example"), 1u);
  EXPECT_EQ(OwnHops(" by gate.example by gate.example"), 1u) << "a line is one hop";
}

TEST(HeaderWatch, KnowsItsOwnLinesWhateverItsName) {
  const auto own_hops = [](std::string_view hostname, std::string_view value) {
    HeaderWatch watch;
    watch.Start(hostname);
    for (const char c : absl::StrCat("Received:", value, "\r\n")) watch.Update({&c, 1});
    return watch.own_hop_count();
  };
  EXPECT_EQ(own_hops("by.example", " by by by.example"), 1u);
  EXPECT_EQ(own_hops("by.example", " by b by by.example"), 1u);
  EXPECT_EQ(own_hops("bx.example", " by by bx.example"), 1u);
  EXPECT_EQ(own_hops("bx.example", " by b bx.example"), 0u);
  EXPECT_EQ(own_hops("by", " by by"), 1u);
  EXPECT_EQ(own_hops("by", " by"), 0u);
  EXPECT_EQ(own_hops("b", " by by b by b"), 1u);
}

TEST(HeaderWatch, KnowsTheLinesOfOthers) {
  EXPECT_EQ(OwnHops(" from gate.example by other"), 0u);
  EXPECT_EQ(OwnHops(" by gate.example.org"), 0u);
  EXPECT_EQ(OwnHops(" by my.gate.example"), 0u);
  EXPECT_EQ(OwnHops(" by gate.exampl"), 0u);
  EXPECT_EQ(OwnHops(" baby gate.example"), 0u);
  EXPECT_EQ(OwnHops(" bygate.example"), 0u);
  EXPECT_EQ(OwnHops(" by x gate.example"), 0u);
  EXPECT_EQ(Watch("Subject: by\r\n gate.example\r\n\r\n").own_hop_count, 0u);
  EXPECT_EQ(Watch("Received: by\r\ngate.example: x\r\n\r\n").own_hop_count, 0u) << "another header";
}

TEST(HeaderWatch, ReadsPriority) {
  EXPECT_EQ(Priority("Priority: urgent\r\n\r\n"), MessagePriority::kUrgent);
  EXPECT_EQ(Priority("priority:Non-Urgent\r\n\r\n"), MessagePriority::kNonUrgent);
  EXPECT_EQ(Priority("Priority: normal\r\n\r\n"), MessagePriority::kNormal);
  EXPECT_EQ(Priority("Priority:\r\n urgent (really)\r\n\r\n"), MessagePriority::kUrgent);
  EXPECT_EQ(Priority("X-Priority: 1 (Highest)\r\n\r\n"), MessagePriority::kUrgent);
  EXPECT_EQ(Priority("X-Priority: 2\r\n"), MessagePriority::kUrgent);
  EXPECT_EQ(Priority("X-Priority: 3(x)\r\n"), MessagePriority::kNormal);
  EXPECT_EQ(Priority("X-Priority: 4;\r\n"), MessagePriority::kNonUrgent);
  EXPECT_EQ(Priority("X-PRIORITY:5\r\n"), MessagePriority::kNonUrgent);
}

TEST(HeaderWatch, BelievesNoOtherPriority) {
  for (const char* line : {"Priority: urgently", "Priority: bulk", "Priority:", "Priority: non-urgents", "Priority: 1",
                           "Priority: (c) urgent", "X-Priority: 0", "X-Priority: 6", "X-Priority: 12",
                           "X-Priority: urgent", "X-Priority", "Importance: high", "X-MSMail-Priority: High",
                           "X-Prioritys: 1", "Precedence: urgent", "Priority: high urgent", "X-Priority:\r\nX-P: 1"}) {
    EXPECT_EQ(Priority(absl::StrCat(line, "\r\n\r\n")), MessagePriority::kUnset) << line;
  }
}

TEST(HeaderWatch, PriorityGoesBeforeXPriority) {
  EXPECT_EQ(Priority("X-Priority: 1\r\nPriority: non-urgent\r\n\r\n"), MessagePriority::kNonUrgent);
  EXPECT_EQ(Priority("Priority: normal\r\nX-Priority: 1\r\n\r\n"), MessagePriority::kNormal);
  EXPECT_EQ(Priority("Priority: what\r\nX-Priority: 1\r\n\r\n"), MessagePriority::kUrgent) << "it says nothing";
  EXPECT_EQ(Priority("Priority: urgent\r\nPriority: normal\r\n\r\n"), MessagePriority::kUrgent);
}

// --- compared with what reads a whole message at leisure -------------------------------------------

std::string_view FirstWord(std::string_view value) {
  value.remove_prefix(std::min(value.find_first_not_of(" \t\r\n"), value.size()));
  return value.substr(0, value.find_first_of(" \t\r\n;("));
}

bool IsOurs(std::string_view value) {
  const std::vector<std::string_view> words = absl::StrSplit(value, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string_view name = words[i + 1];
    if (words[i] == "by" && name.substr(0, name.find_first_of(";(")) == kHostname) return true;
  }
  return false;
}

Seen NaiveWatch(std::string_view message) {
  const size_t end = absl::StartsWith(message, "\r\n") ? 0 : message.find("\r\n\r\n");
  std::string headers(message.substr(0, end == std::string_view::npos ? message.size() : end));
  headers = absl::StrReplaceAll(headers, {{"\r\n ", "\n "}, {"\r\n\t", "\n\t"}});  // a fold is a blank
  const std::map<std::string, MessagePriority> words = {{"urgent", MessagePriority::kUrgent},
                                                        {"normal", MessagePriority::kNormal},
                                                        {"non-urgent", MessagePriority::kNonUrgent}};
  const std::map<std::string, MessagePriority> digits = {{"1", MessagePriority::kUrgent},
                                                         {"2", MessagePriority::kUrgent},
                                                         {"3", MessagePriority::kNormal},
                                                         {"4", MessagePriority::kNonUrgent},
                                                         {"5", MessagePriority::kNonUrgent}};
  Seen seen;
  MessagePriority x_priority = MessagePriority::kUnset;
  const auto read = [](const auto& table, std::string_view value, MessagePriority& priority) {
    const auto found = table.find(absl::AsciiStrToLower(FirstWord(value)));
    if (found != table.end() && priority == MessagePriority::kUnset) priority = found->second;
  };
  for (const std::string_view line : absl::StrSplit(headers, "\r\n")) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name = absl::AsciiStrToLower(line.substr(0, colon));
    const std::string_view value = line.substr(colon + 1);
    if (name == "received") {
      ++seen.hop_count;
      seen.own_hop_count += IsOurs(value) ? 1 : 0;
    }
    if (name == "priority") read(words, value, seen.priority);
    if (name == "x-priority") read(digits, value, x_priority);
  }
  if (seen.priority == MessagePriority::kUnset) seen.priority = x_priority;
  return seen;
}

TEST(HeaderWatch, AsTheNaiveOneHoweverTheMessageIsCut) {
  constexpr std::string_view kParts[] = {"Received:",
                                         "received:",
                                         "Priority:",
                                         "X-Priority:",
                                         "X-Prio",
                                         "\r\nPriority: ",
                                         "\r\nX-Priority:1",
                                         " ",
                                         "\t",
                                         "\r\n",
                                         "\r\n",
                                         "\r\n\t",
                                         " by ",
                                         "by",
                                         "gate.example",
                                         "gate.exa",
                                         "urgent",
                                         "non-",
                                         "1",
                                         "5",
                                         ";",
                                         "(",
                                         "from x",
                                         "b",
                                         "\r\n\r\n",
                                         "Subject: x",
                                         " by gate.example;",
                                         "\r\nReceived: from b by gate.example "};
  std::mt19937 random(3);
  uint32_t own_hop_count = 0;
  uint32_t priority_count = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string message;
    for (size_t count = random() % 16; count > 0; --count) message += kParts[random() % std::size(kParts)];
    message += "\r\n";
    const Seen expected = NaiveWatch(message);
    ASSERT_EQ(Watch(message, message.size(), nullptr), expected) << message;
    ASSERT_EQ(Watch(message, 1 + random() % 9, &random), expected) << message;
    own_hop_count += expected.own_hop_count;
    priority_count += expected.priority != MessagePriority::kUnset ? 1 : 0;
  }
  EXPECT_GT(own_hop_count, 1000u) << "the test tests nothing";
  EXPECT_GT(priority_count, 100u);
}

}  // namespace
}  // namespace postern
