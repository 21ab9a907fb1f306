// Trace is the Received header that says how a message came to us (RFC 5321 4.4).
//
// A plain value of the conversation that admits the message, on its reactor's thread; what it names is lent. The
// header goes before all that the peer sent, so that whoever reads the message later can follow its road back.

#ifndef POSTERN_SMTP_TRACE_H_
#define POSTERN_SMTP_TRACE_H_

#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/message.h"

namespace postern {

// How the peer spoke: the word after "with" (RFC 3848, RFC 6531 3.7.3).
enum class TransferProtocol : uint8_t {
  kSmtp,      // it began with HELO
  kEsmtp,     // it began with EHLO
  kUtf8Smtp,  // and asked for SMTPUTF8
};

struct Trace {
  std::string_view helo;      // what the peer called itself: anything at all
  std::string_view peer;      // its address in text form
  std::string_view hostname;  // ours
  TransferProtocol protocol = TransferProtocol::kSmtp;
  MessageId id;
  WallTime time;
};

// Appends the folded header with its last CR LF. Of `helo` only what can be a host name or an address literal is
// repeated, so that no peer writes comments, or lines, of its own into a header of ours.
void AppendReceived(const Trace& trace, std::string& out);

// "Wed, 25 Nov 2026 16:03:41 +0000" (RFC 5322 3.3), whatever the locale and the time zone of the machine.
void AppendDate(WallTime moment, std::string& out);

// Room for the longest header: it has to fit into the first block.
inline constexpr size_t kReceivedSizeMax = 1024;

}  // namespace postern

#endif  // POSTERN_SMTP_TRACE_H_
