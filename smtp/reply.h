// Reply is what the server says to one command: a code, an enhanced code and a text (RFC 5321 4.2, RFC 2034).
//
// A plain value of views, mostly of constants that live for ever; AppendReply() writes it behind what its owner has
// already to say, and allocates nothing once that string has grown to its size. The enhanced code is said after HELO
// too: it is text to whoever does not know it, and one way of speaking is less to get wrong than two.

#ifndef POSTERN_SMTP_REPLY_H_
#define POSTERN_SMTP_REPLY_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace postern {

struct Reply {
  uint16_t code = 0;
  std::string_view enhanced;  // "2.1.0"; empty in the greeting, in replies to HELO and EHLO, and in 354 (RFC 2034 4)
  std::string_view text;      // one line

  friend bool operator==(const Reply&, const Reply&) = default;
};

// "250 2.1.0 Sender accepted" CR LF. A line longer than kReplyLineSizeMax is cut, and a control byte becomes '?': what
// a peer said may stand in a text and cannot forge a reply with it.
void AppendReply(const Reply& reply, std::string& out);

}  // namespace postern

#endif  // POSTERN_SMTP_REPLY_H_
