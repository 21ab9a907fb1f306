#include "gateway/events.h"

#include <array>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/civil_time.h"
#include "gateway/visible_text.h"

namespace postern {
namespace {

// The names stand for people; the numbers are what monitoring rules look for (imc.md).
constexpr std::array<std::pair<Event, std::string_view>, 20> kNames = {{
    {Event::kStarted, "started"},
    {Event::kStopped, "stopped"},
    {Event::kStorage, "storage"},
    {Event::kDied, "died"},
    {Event::kCannotStart, "cannot-start"},
    {Event::kDeadLetter, "dead-letter"},
    {Event::kReported, "reported"},
    {Event::kAttempted, "attempted"},
    {Event::kReceived, "received"},
    {Event::kConnected, "connected"},
    {Event::kConnectFailed, "connect-failed"},
    {Event::kCorrupt, "corrupt"},
    {Event::kReportFailed, "report-failed"},
    {Event::kParked, "parked"},
    {Event::kLowDisk, "low-disk"},
    {Event::kLowMemory, "low-memory"},
    {Event::kCannotBind, "cannot-bind"},
    {Event::kRejected, "rejected"},
    {Event::kTimedOut, "timed-out"},
    {Event::kTooManyHops, "too-many-hops"},
}};

std::string_view Name(Event event) {
  for (const auto& [known, name] : kNames) {
    if (known == event) return name;
  }
  return "unknown";
}

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

void EventLog::Write(Event event, std::initializer_list<EventField> fields) {
  thread_local std::string line;  // kept, since every message has one
  line.clear();
  AppendTime(clock_.Wall(), line);
  absl::StrAppend(&line, " event=", static_cast<int>(event), " name=", Name(event));
  for (const EventField& field : fields) AppendField(field, line);
  line += '\n';
  sink_(line);
}

}  // namespace postern
