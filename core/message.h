// MessageId names a message for its whole life: in the 250, in the trace header, in the log and to the operator.
//
// It is a plain value. Its number is the microsecond of its birth and the source that gave it, so that ids sort by age,
// need no shared counter, and never repeat although every reactor makes its own.

#ifndef POSTERN_CORE_MESSAGE_H_
#define POSTERN_CORE_MESSAGE_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/clock.h"

namespace postern {

struct MessageId {
  uint64_t number = 0;  // microseconds since 1970, times 256, plus the source; 0 is no message

  friend auto operator<=>(const MessageId&, const MessageId&) = default;
  WallTime born() const { return {static_cast<int64_t>(number >> 8)}; }
};

// The id as people see it: 13 characters of Crockford's base 32, which has no letter that looks like a digit.
inline constexpr size_t kMessageIdTextSize = 13;
struct MessageIdText {
  std::array<char, kMessageIdTextSize> digits;

  std::string_view view() const { return {digits.data(), digits.size()}; }
};
MessageIdText ToText(MessageId id);
// Accepts lower case too; nothing else.
std::optional<MessageId> ParseMessageId(std::string_view text);

// Gives ids. One source belongs to one thread; `source` tells sources of one program apart.
class MessageIdSource {
 public:
  explicit MessageIdSource(uint8_t source, MessageId last_known = {})
      : source_(source), last_us_(last_known.born().us) {}

  // Never the same twice, also when the clock is set back or two messages share a microsecond.
  MessageId Next(WallTime now) {
    last_us_ = now.us > last_us_ ? now.us : last_us_ + 1;
    return {static_cast<uint64_t>(last_us_) << 8 | source_};
  }

 private:
  uint8_t source_;
  int64_t last_us_;
};

}  // namespace postern

#endif  // POSTERN_CORE_MESSAGE_H_
