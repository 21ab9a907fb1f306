// SendToJournal passes event lines on to the system's own log of events, for what watches that by numbers (imc.md).
//
// A plain function, called where event lines are written, on that thread. The traffic itself, and what any stranger can
// bring about, stay out: they are in the lines, and would drown what the log is for. EventKind says which those are.

#ifndef POSTERN_GATEWAY_EVENT_JOURNAL_H_
#define POSTERN_GATEWAY_EVENT_JOURNAL_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "net/service.h"

namespace postern {

struct JournalEntry {
  JournalLevel level = JournalLevel::kInformation;
  uint16_t number = 0;
  std::string_view text = {};  // without the time, which the log has itself
  friend bool operator==(const JournalEntry&, const JournalEntry&) = default;
};

// What a line becomes there; nothing when it is no event, or not for there.
std::optional<JournalEntry> ToJournalEntry(std::string_view line);

void SendToJournal(std::string_view lines, absl::FunctionRef<void(const JournalEntry&)> write);

}  // namespace postern

#endif  // POSTERN_GATEWAY_EVENT_JOURNAL_H_
