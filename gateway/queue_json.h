// What is told of the queue as JSON, and back: the same for --json and on the control socket.
//
// Plain functions without state, usable on any thread. Bytes that are no UTF-8 are replaced when it is written out;
// what comes in is checked and never trusted.

#ifndef POSTERN_GATEWAY_QUEUE_JSON_H_
#define POSTERN_GATEWAY_QUEUE_JSON_H_

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.h"
#include "nlohmann/json.hpp"
#include "relay/queue_tally.h"
#include "relay/queue_view.h"

namespace postern {

// Members keep their order, since people read it.
using Json = nlohmann::ordered_json;

Json ToJson(const QueueEntryView& entry);
std::optional<QueueEntryView> EntryFromJson(const Json& json);
Json ToJson(const DestinationView& destination);
std::optional<DestinationView> DestinationFromJson(const Json& json);

// A member of an object, when it is there and of that kind.
std::optional<std::string> StringMember(const Json& json, const char* name);
std::optional<uint64_t> NumberMember(const Json& json, const char* name);
bool FlagMember(const Json& json, const char* name);  // whether it is there and true

// On one line, without its end.
std::string ToLine(const Json& json);

// "2025-11-25T16:04:05Z"
std::string FormatTime(WallTime moment);
// "urgent", "normal", "non-urgent"
const char* PriorityText(uint8_t envelope_flags);

}  // namespace postern

#endif  // POSTERN_GATEWAY_QUEUE_JSON_H_
