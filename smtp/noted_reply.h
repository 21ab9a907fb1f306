// NotedReply is the last word on a recipient as the log keeps it, read back: a server's reply, or a reason of our own.
//
// A plain value of views into the note. "550 5.1.1 no such user" is a reply; "5.3.4 the message is too large" is ours,
// for only a peer's words begin with a code of three digits; and a recipient that was given up when its time was over
// has kExpiredPrefix before either.

#ifndef POSTERN_SMTP_NOTED_REPLY_H_
#define POSTERN_SMTP_NOTED_REPLY_H_

#include <cstdint>
#include <string_view>

namespace postern {

inline constexpr std::string_view kExpiredPrefix = "expired: ";

struct NotedReply {
  bool expired = false;
  uint16_t code = 0;               // 200 to 599; 0 when it is a reason of our own
  std::string_view enhanced = {};  // "5.1.1"; empty when there was none
  std::string_view text = {};      // all of it, codes too, kExpiredPrefix taken off; '\n' between lines
};

NotedReply ReadNote(std::string_view note);

}  // namespace postern

#endif  // POSTERN_SMTP_NOTED_REPLY_H_
