// What is owed to whom when a recipient has failed, has been reached, or waits for long (RFC 3461 4.1, RFC 5321 6.1).
//
// Pure functions over an envelope and a reply, on any thread. A report never answers a report: what comes from nobody
// goes to nobody, and so no two servers can keep each other busy.

#ifndef POSTERN_RELAY_REPORT_DUTY_H_
#define POSTERN_RELAY_REPORT_DUTY_H_

#include <cstdint>
#include <string_view>

#include "core/envelope.h"
#include "relay/failure_type.h"

namespace postern {

enum class Duty : uint8_t {
  kNone,        // the sender wants to hear nothing: NOTIFY=NEVER, or without FAILURE
  kReport,      // to the sender
  kPostmaster,  // a report of ours has failed: to postmaster, once
  kDeadLetter,  // nobody can be told: a null sender that is not ours, or a report to postmaster that has failed
};

Duty FailureDuty(const EnvelopeHead& head, const Recipient& recipient);
bool OwesSuccess(const EnvelopeHead& head, const Recipient& recipient);
bool OwesDelay(const EnvelopeHead& head, const Recipient& recipient);

// Whether mail to `sender` would answer a machine that wants no answer: <>, and the names under which servers of old
// sent their reports, <mailer-daemon@...> and <#@[]>, as they did not know <>.
bool IsNullPath(std::string_view sender);

// Of a failure that is noted as `note` (smtp/noted_reply.h).
FailureType FailureTypeOf(std::string_view note);

}  // namespace postern

#endif  // POSTERN_RELAY_REPORT_DUTY_H_
