// What an operator has named, looked up; or the error that says what is wrong, and what would be right.
//
// Plain functions, called by both sides of QueueAccess on the thread that owns the queue, so that both say the same.

#ifndef POSTERN_GATEWAY_QUEUE_LOOKUP_H_
#define POSTERN_GATEWAY_QUEUE_LOOKUP_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/message.h"
#include "relay/destination_book.h"

namespace postern {

// Nothing when no name was given: all destinations are meant. NotFound lists names that look like it.
absl::StatusOr<std::optional<uint32_t>> FindDestination(const DestinationBook& book,
                                                        const std::optional<std::string>& name);

// The error for a message that is not in the queue.
absl::Status NotQueued(MessageId message);

}  // namespace postern

#endif  // POSTERN_GATEWAY_QUEUE_LOOKUP_H_
