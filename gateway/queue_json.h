// An entry of the queue as JSON, and back: the same for --json and on the control socket.
//
// Plain functions without state, usable on any thread. Bytes that are no UTF-8 are replaced when it is written out;
// what comes in is checked and never trusted.

#ifndef POSTERN_GATEWAY_QUEUE_JSON_H_
#define POSTERN_GATEWAY_QUEUE_JSON_H_

#include <optional>
#include <string>

#include "nlohmann/json.hpp"
#include "relay/queue_view.h"

namespace postern {

// Members keep their order, since people read it.
using Json = nlohmann::ordered_json;

Json ToJson(const QueueEntryView& entry);
std::optional<QueueEntryView> EntryFromJson(const Json& json);

// On one line, without its end.
std::string ToLine(const Json& json);

// "2025-11-25T16:04:05Z"
std::string FormatTime(WallTime moment);

}  // namespace postern

#endif  // POSTERN_GATEWAY_QUEUE_JSON_H_
