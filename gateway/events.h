// EventLog writes one line for each thing that happens, with the numbers that monitoring rules know (imc.md).
//
// Whoever serves owns one; any thread may write. A line goes to the sink whole (event_buffer.h). Texts come from peers:
// they are quoted, cut at kEventValueSizeMax and never a format. No body and no credential ever comes here.
//
//   2026-11-25T16:04:05.123456Z event=2002 name=received id=0QZ... peer=192.0.2.1 size=1234 text="two words"

#ifndef POSTERN_GATEWAY_EVENTS_H_
#define POSTERN_GATEWAY_EVENTS_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "net/service.h"

namespace postern {

enum class Event : uint16_t {
  kStarted = 1000,
  kStopped = 1001,
  kStorage = 1002,  // what the store lies on
  kDied = 1003,     // the gateway before this one, and what it was at
  kCannotStart = 1004,
  kDeadLetter = 1014,  // rerouted: to the dead-letter folder
  kReported = 1015,
  kAttempted = 2001,
  kReceived = 2002,
  kConnected = 2003,
  kConnectFailed = 3010,
  kCorrupt = 3013,
  kReportFailed = 3014,
  kParked = 3015,  // a message that the gateway has died of
  kLowDisk = 3018,
  kLowMemory = 3019,
  kCannotBind = 4007,
  kRejected = 4031,
  kTimedOut = 4051,
  kTooManyHops = 4098,
};

struct EventKind {
  std::string_view name;  // for people; the number is what monitoring rules look for (imc.md)
  // In the system's own log of events (event_journal.h). None: it is traffic, or any stranger can bring it about.
  std::optional<JournalLevel> journal_level;
  bool inbound_is_traffic = false;  // with dir=in any stranger can bring it about: not there
};

EventKind KindOf(Event event);

inline constexpr size_t kEventValueSizeMax = 512;

struct EventField {
  std::string_view key;
  std::string_view value;  // quoted when it is empty or holds anything but plain, visible bytes
};

class EventLog {
 public:
  // `sink` takes a whole line with its LF, on the thread that writes.
  using Sink = std::function<void(std::string_view line)>;
  EventLog(const Clock& clock, Sink sink) : clock_(clock), sink_(std::move(sink)) {}

  void Write(Event event, std::initializer_list<EventField> fields);

 private:
  const Clock& clock_;
  const Sink sink_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_EVENTS_H_
