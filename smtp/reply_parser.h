// ReplyParser reads the replies of a server that we talk to, and believes no more of them than is good for us.
//
// One client conversation owns it, on that conversation's reactor thread. A reply is bounded in its lines and its
// bytes; text beyond kReplyLineSizeMax of a line is dropped, and control bytes become '?', so that a reply can be
// logged and stored.

#ifndef POSTERN_SMTP_REPLY_PARSER_H_
#define POSTERN_SMTP_REPLY_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/limits.h"
#include "core/ring_buffer.h"

namespace postern {

// RFC 5321 4.2, with the code of RFC 3463 taken out of the text.
struct ServerReply {
  uint16_t code = 0;       // 200 to 599; 0 when these are no words of the peer, but our own
  std::string enhanced{};  // "5.1.1"; empty when there was none, or one of another class than the code's
  std::string text{};      // the lines without their codes, '\n' between them

  bool positive() const { return code >= 200 && code < 300; }
  bool permanent() const { return code >= 500; }
};

enum class ReplyStatus : uint8_t {
  kReply,     // reply() is whole
  kNeedMore,  // all input was taken; the reply goes on
  kBad,       // this is no SMTP reply, or an endless one: the conversation cannot be trusted any more
};

class ReplyParser {
 public:
  // Takes bytes from `in` up to the end of one reply.
  ReplyStatus Next(RingBuffer& in);

  // The last whole reply; gone at the next Next().
  const ServerReply& reply() const { return reply_; }
  void Clear();

 private:
  // All lines together, line ends and dropped text included.
  static constexpr size_t kReplySizeMax = kReplyLineSizeMax * kReplyLineCountMax;

  ReplyStatus HandleLine();

  ServerReply reply_;
  std::string line_;       // what came of the current line, cut at kReplyLineSizeMax
  size_t reply_size_ = 0;  // bytes taken of the current reply
  size_t line_count_ = 0;  // whole lines taken of the current reply
  bool complete_ = false;  // reply_ is whole: the next byte starts another
};

// "5.7.1" at the start of `text`, when its class is that of `code` (RFC 2034 4); else empty.
std::string_view EnhancedCodePrefix(uint16_t code, std::string_view text);

}  // namespace postern

#endif  // POSTERN_SMTP_REPLY_PARSER_H_
