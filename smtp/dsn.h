// Dsn writes reports on messages: delivery status notifications of RFC 3461, 3464 and 6522, for UTF-8 also RFC 6533.
//
// Pure functions over a plain value, on any thread: text comes out, no byte is read or sent. Addresses, envelope ids
// and replies are the words of strangers: whatever they hold, they stay within the line that tells them.
//
//   ComposeHead():  header | for people | for programs | the head of what is returned
//   (its caller):   the first bytes of the message, as ReturnedPart has measured them
//   ComposeTail():  the end
//
// All lines end with CR LF and hold at most 998 bytes, what is returned apart: it goes back as it came.

#ifndef POSTERN_SMTP_DSN_H_
#define POSTERN_SMTP_DSN_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/envelope.h"
#include "core/message.h"

namespace postern {

enum class ReportKind : uint8_t {
  kFailure,  // will not be delivered
  kDelay,    // is still tried
  kSuccess,  // was delivered, or handed to a server that sends no reports
};

// RFC 3464 2.3.3. There is no `expanded`: nobody here expands a list.
enum class ReportedAction : uint8_t { kFailed, kDelayed, kDelivered, kRelayed };

// What a report returns of the message that it is about.
enum class ReturnedContent : uint8_t { kNothing, kHeader, kMessage };

// What became of one recipient.
struct ReportedStatus {
  std::string_view address = {};  // as in the envelope
  std::string_view orcpt = {};    // as in the envelope
  ReportedAction action = ReportedAction::kFailed;
  std::string_view note = {};    // the last reply or reason, as it is noted: smtp/noted_reply.h
  std::string_view remote = {};  // the server that was spoken with, by name or as "[192.0.2.1]"; empty for none
  WallTime last_attempt = {};    // zero when it is not known
  WallTime retry_until = {};     // kDelayed: when it will be given up; zero when it is not known
};

// A report. What it names is lent.
struct Report {
  ReportKind kind = ReportKind::kFailure;
  MessageId id;
  WallTime date;
  std::string_view hostname = {};    // ours
  std::string_view postmaster = {};  // whom it is from
  std::string_view to = {};
  MessageId about;
  EnvelopeHead original{};  // of `about`
  ReturnedContent returned = ReturnedContent::kNothing;
  bool eight_bit = false;         // what is returned holds bytes over 127
  bool header_eight_bit = false;  // and its header does
  std::vector<ReportedStatus> recipients{};
};

// Only with SMTPUTF8 can it be sent: an address in it, or the header that it returns, is UTF-8 (RFC 6533).
bool NeedsUtf8(const Report& report);

// What divides the parts of the report `id`. Nobody could know it when the message was written, but a message may be
// written to guess: who returns one has looked for it there (ReturnedPart).
std::string ReportBoundary(MessageId id);

std::string ComposeHead(const Report& report);
std::string ComposeTail(const Report& report);

}  // namespace postern

#endif  // POSTERN_SMTP_DSN_H_
