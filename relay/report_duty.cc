#include "relay/report_duty.h"

#include "absl/strings/match.h"
#include "smtp/noted_reply.h"

namespace postern {
namespace {

bool IsOurs(const EnvelopeHead& head) { return (head.flags & (kEnvelopeReport | kEnvelopeLastReport)) != 0; }

// Its subject and detail (RFC 3463): "1.1" of "5.1.1".
FailureType TypeOfEnhanced(std::string_view code) {
  const std::string_view detail = code.substr(2);
  if (detail == "4.7") return FailureType::kExpired;
  if (detail == "4.6" || detail == "4.14") return FailureType::kLoop;    // the second is Exchange's
  if (detail == "3.4" || detail == "2.3") return FailureType::kContent;  // too large for the system, for the mailbox
  switch (detail.front()) {
    case '1':
    case '2': return FailureType::kAddress;
    case '6':
    case '7': return FailureType::kContent;
    default: return FailureType::kHost;
  }
}

// RFC 5321 4.2.3, RFC 7504.
FailureType TypeOfCode(uint16_t code) {
  switch (code) {
    case 450:
    case 550:
    case 551:
    case 553: return FailureType::kAddress;
    case 452:
    case 552:
    case 554: return FailureType::kContent;
    default: return FailureType::kHost;  // no reply at all, too
  }
}

}  // namespace

Duty FailureDuty(const EnvelopeHead& head, const Recipient& recipient) {
  const bool unwanted = recipient.notify != 0 && (recipient.notify & kNotifyFailure) == 0;
  if ((head.flags & kEnvelopeLastReport) != 0) return Duty::kDeadLetter;
  // A copy for the administrator is a report with NOTIFY=NEVER.
  if ((head.flags & kEnvelopeReport) != 0) return unwanted ? Duty::kNone : Duty::kPostmaster;
  if (IsNullPath(head.sender)) return Duty::kDeadLetter;
  return unwanted ? Duty::kNone : Duty::kReport;
}

bool OwesSuccess(const EnvelopeHead& head, const Recipient& recipient) {
  return !IsOurs(head) && !IsNullPath(head.sender) && (recipient.notify & kNotifySuccess) != 0;
}

bool OwesDelay(const EnvelopeHead& head, const Recipient& recipient) {
  return !IsOurs(head) && !IsNullPath(head.sender) && (recipient.notify == 0 || (recipient.notify & kNotifyDelay) != 0);
}

bool IsNullPath(std::string_view sender) {
  return sender.empty() || absl::StartsWithIgnoreCase(sender, "mailer-daemon@") || sender.starts_with("#@");
}

FailureType FailureTypeOf(std::string_view note) {
  const NotedReply reply = ReadNote(note);
  if (reply.expired) return FailureType::kExpired;
  return reply.enhanced.empty() ? TypeOfCode(reply.code) : TypeOfEnhanced(reply.enhanced);
}

}  // namespace postern
