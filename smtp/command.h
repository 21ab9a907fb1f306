// Command is a line of the peer's text made a value: a verb and what belongs to it (RFC 5321 4.1.1).
//
// ParseCommand() is a pure function; what it returns points into the line and lives no longer. It knows no state: a
// command that is wrong in itself carries the reply that says so, and the session decides by its verb whether it was
// allowed here at all.

#ifndef POSTERN_SMTP_COMMAND_H_
#define POSTERN_SMTP_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/envelope.h"
#include "smtp/address.h"
#include "smtp/reply.h"

namespace postern {

enum class Verb : uint8_t {
  kHelo,
  kEhlo,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kNoop,
  kVrfy,
  kExpn,
  kHelp,
  kQuit,
  kUnknown,  // always with an error
};

struct Command {
  Verb verb = Verb::kUnknown;
  const Reply* error = nullptr;  // a constant, or null when the command is well formed; then only `verb` means anything

  // HELO, EHLO: what the peer calls itself, printable and never empty. VRFY, EXPN, HELP, NOOP: what follows, if at all.
  std::string_view argument;

  // MAIL and RCPT. With bytes over 127 only when the transaction may have them.
  Path path;

  // MAIL
  std::optional<uint64_t> size;  // SIZE=: what the peer believes the message to have (RFC 1870)
  uint8_t flags = 0;             // kEnvelopeEightBit, kEnvelopeUtf8
  DsnReturn ret = DsnReturn::kUnspecified;
  std::string_view envid;  // xtext, as it was said

  // RCPT
  uint8_t notify = 0;      // kNotify bits (RFC 3461 4.1)
  std::string_view orcpt;  // "rfc822;a@b", xtext, as it was said

  // BDAT (RFC 3030)
  uint64_t chunk_size = 0;
  bool last_chunk = false;
};

// `line` is without its CR LF. `utf8` says whether the transaction that is open was begun with SMTPUTF8: it decides on
// RCPT; MAIL says it for itself.
Command ParseCommand(std::string_view line, bool utf8);

}  // namespace postern

#endif  // POSTERN_SMTP_COMMAND_H_
