#include "gateway/event_journal.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace postern {
namespace {

// What keeps it from serving, a disk that fails and a port that is not ours are errors; the rest of 3000 and above is
// somebody else's trouble.
JournalLevel LevelOf(uint32_t number) {
  switch (number) {
    case 1004:  // cannot start
    case 3013:  // corrupt
    case 3018:  // low disk
    case 4007:  // cannot bind
      return JournalLevel::kError;
    default: return number >= 3000 ? JournalLevel::kWarning : JournalLevel::kInformation;
  }
}

// What any stranger brings about, as often as he likes.
constexpr std::array<std::string_view, 4> kOfStrangers = {
    "event=1015 ",
    "event=4031 name=rejected dir=in ",
    "event=4051 name=timed-out dir=in ",
    "event=4098 name=too-many-hops dir=in ",
};

bool IsOfStrangers(std::string_view text) {
  return std::any_of(kOfStrangers.begin(), kOfStrangers.end(),
                     [text](std::string_view beginning) { return absl::StartsWith(text, beginning); });
}

}  // namespace

// "2026-11-25T16:04:05.123456Z event=4007 name=cannot-bind ..."
std::optional<JournalEntry> ToJournalEntry(std::string_view line) {
  constexpr std::string_view kEvent = "event=";
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::string_view rest = line.substr(space + 1);
  const std::string_view text = rest;
  if (!absl::ConsumePrefix(&rest, kEvent)) return std::nullopt;
  uint32_t number = 0;
  if (!absl::SimpleAtoi(rest.substr(0, rest.find(' ')), &number) || number > UINT16_MAX) return std::nullopt;
  if ((number >= 2000 && number < 3000) || IsOfStrangers(text)) return std::nullopt;
  return JournalEntry{.level = LevelOf(number), .number = static_cast<uint16_t>(number), .text = text};
}

void SendToJournal(std::string_view lines, absl::FunctionRef<void(const JournalEntry&)> write) {
  for (const std::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    if (const std::optional<JournalEntry> entry = ToJournalEntry(line); entry.has_value()) write(*entry);
  }
}

}  // namespace postern
