#include "gateway/event_journal.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gateway/events.h"

namespace postern {
namespace {

// "event=4031 name=rejected dir=in ..."
bool IsInbound(std::string_view text) {
  const std::vector<std::string_view> words = absl::StrSplit(text, absl::MaxSplits(' ', 3));
  return words.size() > 2 && words[2] == "dir=in";
}

}  // namespace

// "2026-11-25T16:04:05.123456Z event=4007 name=cannot-bind ..."
std::optional<JournalEntry> ToJournalEntry(std::string_view line) {
  const std::pair<std::string_view, std::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 1));
  const std::string_view text = parts.second;
  std::string_view digits = text.substr(0, text.find(' '));
  uint32_t number = 0;
  if (!absl::ConsumePrefix(&digits, "event=") || !absl::SimpleAtoi(digits, &number) || number > UINT16_MAX)
    return std::nullopt;
  const EventKind kind = KindOf(static_cast<Event>(number));
  if (!kind.journal_level || (kind.inbound_is_traffic && IsInbound(text))) return std::nullopt;
  return JournalEntry{.level = *kind.journal_level, .number = static_cast<uint16_t>(number), .text = text};
}

void SendToJournal(std::string_view lines, absl::FunctionRef<void(const JournalEntry&)> write) {
  for (const std::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    if (const std::optional<JournalEntry> entry = ToJournalEntry(line); entry.has_value()) write(*entry);
  }
}

}  // namespace postern
