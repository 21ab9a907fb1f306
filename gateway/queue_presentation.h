// The queue as people see it, and as programs do (--json): the same whether a gateway runs or not.
//
// Plain functions, called on the main thread of a queue command. They write a page at a time, so a queue of any length
// takes no memory. What peers have said is made visible and can do nothing to a terminal.

#ifndef POSTERN_GATEWAY_QUEUE_PRESENTATION_H_
#define POSTERN_GATEWAY_QUEUE_PRESENTATION_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "core/clock.h"
#include "gateway/queue_access.h"
#include "relay/queue_view.h"

namespace postern {

using Print = absl::FunctionRef<void(std::string_view text)>;

// What waits for whom: a line for each destination, or {"destinations":[...]}.
absl::Status PrintDestinations(QueueAccess& queue, bool json, WallTime now, Print print);

// The messages themselves, of a destination or all of them: a table, or {"messages":[...]}.
absl::Status PrintMessages(QueueAccess& queue, const std::optional<std::string>& destination, bool json, WallTime now,
                           Print print);

// One message with all that is known of it.
std::string EntryText(const QueueEntryView& entry, WallTime now);
std::string EntryJson(const QueueEntryView& entry);  // one line, with its end

// What became of a wish for `target`, as it was typed, or for all messages: a line.
std::string ResultText(QueueAction action, ActResult result, const std::optional<std::string>& target);
std::string ResultJson(ActResult result, const std::optional<std::string>& target);

}  // namespace postern

#endif  // POSTERN_GATEWAY_QUEUE_PRESENTATION_H_
