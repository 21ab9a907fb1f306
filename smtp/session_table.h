// SessionTable is the order of SMTP commands (RFC 5321 4.1.4, RFC 3030) as data: what each verb does in each state.
//
// It is constant, belongs to nobody and may be read on any thread. A verb that is let through may still fail for its
// own reasons, a wrong address say, and then the state stays; the one exception is told at kNobody.

#ifndef POSTERN_SMTP_SESSION_TABLE_H_
#define POSTERN_SMTP_SESSION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "smtp/command.h"

namespace postern {

enum class SessionState : uint8_t {
  // A command is awaited: these are the rows of the table.
  kGreeted,  // nobody has said HELO or EHLO
  kReady,    // between two messages
  kMail,     // there is a sender
  kNobody,   // there is a sender, and every recipient so far was refused: where a RCPT that fails leads from kMail
  kRcpt,     // there is a recipient
  kChunks,   // a part of the body has come by BDAT
  kChunksRefused,  // the same, but the message is refused: chunks that are under way still have to be swallowed

  // Something else is awaited: no command is read.
  kDataAdmission,   // a place for the message, before DATA is answered
  kChunkAdmission,  // the same, before the first chunk is read
  kData,            // lines of the body, up to the final dot
  kDataRefused,     // the same, swallowed; the reply is known
  kChunk,           // the bytes of a chunk
  kChunkRefused,    // the same, swallowed; the reply is known
  kCommit,          // the receipt for a whole message
  kClosed,          // nothing
};
inline constexpr size_t kCommandStateCount = static_cast<size_t>(SessionState::kChunksRefused) + 1;

// Whether a cell lets its verb through, and if not, why.
enum class Order : uint8_t {
  kFine,
  kNoHello,    // 503: neither HELO nor EHLO was said
  kNoMail,     // 503: there is no message
  kTwoMails,   // 503: there is one already
  kNoRcpt,     // 503: nobody shall have it
  kNoneTaken,  // 554: every recipient was refused (RFC 5321 3.3)
  kInChunks,   // 503: the body has begun to come by BDAT (RFC 3030 2)
};

struct SessionCell {
  Order order;
  SessionState next;  // when the verb succeeds; the same state when it is not let through

  friend bool operator==(const SessionCell&, const SessionCell&) = default;
};

// `state` awaits a command; `verb` is known.
SessionCell CellOf(SessionState state, Verb verb);

// What the peer is slow at, when its time is over in `state`: "greeting", "command", "DATA", "BDAT".
std::string_view StageOf(SessionState state);

}  // namespace postern

#endif  // POSTERN_SMTP_SESSION_TABLE_H_
