#include "gateway/events.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/civil_time.h"
#include "gateway/visible_text.h"

namespace postern {
namespace {

// Many lines fall into one second, whose text is kept: a date takes longer to write than all else of a line.
void AppendTime(WallTime moment, std::string& line) {
  thread_local std::chrono::seconds kept = std::chrono::seconds::min();
  thread_local std::string text;
  const std::chrono::microseconds whole(moment.us);
  const auto second = std::chrono::floor<std::chrono::seconds>(whole);
  if (second != kept) {
    const CivilTime time = ToCivil(moment);
    text = absl::StrFormat("%04d-%02u-%02uT%02u:%02u:%02u.", time.year, time.month, time.day, time.hour, time.minute,
                           time.second);
    kept = second;
  }
  line += text;
  for (int64_t rest = (whole - second).count(), unit = 100'000; unit > 0; unit /= 10) {
    line += static_cast<char>('0' + rest / unit % 10);
  }
  line += 'Z';
}

// Plain values stay bare, so that the usual line is easy on the eye.
bool NeedsQuotes(std::string_view value) {
  if (value.empty() || value.size() > kEventValueSizeMax) return true;
  for (const char c : value) {
    if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '=') return true;
  }
  return false;
}

void AppendField(const EventField& field, std::string& line) {
  line += ' ';
  line += field.key;
  line += '=';
  if (!NeedsQuotes(field.value)) {
    line += field.value;
    return;
  }
  line += '"';
  AppendVisible(field.value, kEventValueSizeMax, line);
  line += '"';
}

}  // namespace

// Without a default, so that the compiler refuses an event that is not here. What keeps us from serving, a disk that
// fails and a port that is not ours are errors; somebody else's trouble is a warning.
EventKind KindOf(Event event) {
  using enum JournalLevel;
  switch (event) {
    case Event::kStarted: return {"started", kInformation};
    case Event::kStopped: return {"stopped", kInformation};
    case Event::kStorage: return {"storage", kInformation};
    case Event::kDied: return {"died", kInformation};
    case Event::kCannotStart: return {"cannot-start", kError};
    case Event::kDeadLetter: return {"dead-letter", kInformation};
    case Event::kReported: return {"reported", std::nullopt};
    case Event::kAttempted: return {"attempted", std::nullopt};
    case Event::kReceived: return {"received", std::nullopt};
    case Event::kConnected: return {"connected", std::nullopt};
    case Event::kConnectFailed: return {"connect-failed", kWarning};
    case Event::kCorrupt: return {"corrupt", kError};
    case Event::kReportFailed: return {"report-failed", kWarning};
    case Event::kParked: return {"parked", kWarning};
    case Event::kLowDisk: return {"low-disk", kError};
    case Event::kLowMemory: return {"low-memory", kWarning};
    case Event::kCannotBind: return {"cannot-bind", kError};
    case Event::kRejected: return {"rejected", kWarning, /*inbound_is_traffic=*/true};
    case Event::kTimedOut: return {"timed-out", kWarning, /*inbound_is_traffic=*/true};
    case Event::kTooManyHops: return {"too-many-hops", kWarning, /*inbound_is_traffic=*/true};
  }
  return {"unknown", std::nullopt};
}

void EventLog::Write(Event event, std::initializer_list<EventField> fields) {
  thread_local std::string line;  // kept, since every message has one
  line.clear();
  AppendTime(clock_.Wall(), line);
  absl::StrAppend(&line, " event=", static_cast<int>(event), " name=", KindOf(event).name);
  for (const EventField& field : fields) AppendField(field, line);
  line += '\n';
  sink_(line);
}

}  // namespace postern
