// MessageBody is the body of a stored message, read piece by piece.
//
// Whoever delivers a message owns one, on his own thread; it is the seam between delivery and the log, so that tests
// can deliver from memory. It holds one piece at a time, never the message, and can be read more than once: by the next
// transaction, or the next host.

#ifndef POSTERN_RELAY_MESSAGE_BODY_H_
#define POSTERN_RELAY_MESSAGE_BODY_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace postern {

class MessageBody {
 public:
  virtual ~MessageBody() = default;

  // The next piece, at most 64 KiB, gone at the next call; empty at the end. An error when the log cannot be read, or
  // the record is not what was written.
  virtual absl::StatusOr<std::string_view> Next() = 0;
  // Goes back to the start; the next piece is the first one, whatever happened before.
  virtual absl::Status Rewind() = 0;
};

}  // namespace postern

#endif  // POSTERN_RELAY_MESSAGE_BODY_H_
