#include "core/message.h"

namespace postern {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

}  // namespace

MessageIdText ToText(MessageId id) {
  MessageIdText text;
  uint64_t rest = id.number;
  for (size_t i = kMessageIdTextSize; i-- > 0; rest >>= 5) text.digits[i] = kDigits[rest & 31];
  return text;
}

std::optional<MessageId> ParseMessageId(std::string_view text) {
  if (text.size() != kMessageIdTextSize) return std::nullopt;
  uint64_t number = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'a' && text[i] <= 'z' ? static_cast<char>(text[i] - 'a' + 'A') : text[i];
    const size_t digit = kDigits.find(c);
    // Thirteen digits are 65 bits: the first one may only be 0 to 15.
    if (digit == std::string_view::npos || (i == 0 && digit > 15)) return std::nullopt;
    number = number << 5 | digit;
  }
  return MessageId{number};
}

}  // namespace postern
