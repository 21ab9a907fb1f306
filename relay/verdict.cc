#include "relay/verdict.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "relay/report_duty.h"
#include "smtp/noted_reply.h"

namespace postern {
namespace {

Verdict Fail(const Court& court, const Recipient& recipient, std::string note, DeliveryEventKind kind) {
  const bool told = FailureDuty(court.head, recipient) == Duty::kNone && !court.is_copied(note);
  return {.state = told ? RecipientState::kBounced : RecipientState::kFailed, .note = std::move(note), .kind = kind};
}

}  // namespace

std::string NoteOf(const ServerReply& reply) {
  std::string note;
  if (reply.code != 0) absl::StrAppend(&note, reply.code, " ");
  if (!reply.enhanced.empty()) absl::StrAppend(&note, reply.enhanced, " ");
  absl::StrAppend(&note, reply.text);
  return note.substr(0, kOutcomeReplySizeMax);
}

// The field is small; who has failed so often fails no better for being counted.
uint16_t CountAttempt(const QueuedRecipient& before) {
  return static_cast<uint16_t>(std::min(before.attempt_count + 1, 0xFFFF));
}

Verdict Judge(const Court& court, const Recipient& recipient, const QueuedRecipient& before,
              const RecipientResult& result) {
  std::string note = NoteOf(result.reply);
  if (result.fate == Fate::kDelivered) {
    const bool owed = OwesSuccess(court.head, recipient) && !result.peer_reports;
    return {.state = owed ? RecipientState::kArrived : RecipientState::kDelivered, .note = std::move(note)};
  }
  if (result.fate == Fate::kRefused) return Fail(court, recipient, std::move(note), DeliveryEventKind::kRejected);
  const std::optional<WallTime> next =
      court.policy.NextAttempt(court.message, PriorityOf(court.head.flags), CountAttempt(before), court.now);
  if (!next.has_value()) {
    note = absl::StrCat(kExpiredPrefix, note).substr(0, kOutcomeReplySizeMax);
    return Fail(court, recipient, std::move(note), DeliveryEventKind::kExpired);
  }
  const bool delay_told = before.state == RecipientState::kDelayed;
  return {.state = delay_told ? RecipientState::kDelayed : RecipientState::kDeferred,
          .next_attempt = *next,
          .note = std::move(note),
          .kind = DeliveryEventKind::kDeferred};
}

Verdict JudgeDeadLetter(const Court& court, const QueuedRecipient& before, const RecipientResult& result) {
  if (result.fate == Fate::kDelivered) {
    return {.state = RecipientState::kBounced, .note = NoteOf(result.reply), .kind = DeliveryEventKind::kDeadLetter};
  }
  return {.state = RecipientState::kFailed,
          .next_attempt = court.now + court.policy.Interval(CountAttempt(before), court.message.number),
          .note = NoteOf(result.reply),
          .kind = DeliveryEventKind::kDeferred};
}

}  // namespace postern
