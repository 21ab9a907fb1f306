#include "gateway/events.h"

#include <array>
#include <utility>

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

void AppendTime(WallTime moment, std::string& line) {
  const CivilTime time = ToCivil(moment);
  absl::StrAppendFormat(&line, "%04d-%02u-%02uT%02u:%02u:%02u.%06uZ", time.year, time.month, time.day, time.hour,
                        time.minute, time.second, time.microsecond);
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
  absl::StrAppendFormat(&line, " event=%d name=", static_cast<int>(event));
  line += Name(event);
  for (const EventField& field : fields) AppendField(field, line);
  line += '\n';
  sink_(line);
}

}  // namespace postern
