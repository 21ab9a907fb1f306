// Verdict is what becomes of one recipient after an attempt: its next state, when it is tried again, what is noted.
//
// A plain function of what was and what the attempt brought, on any thread; the relay writes the verdict into the log.

#ifndef POSTERN_RELAY_VERDICT_H_
#define POSTERN_RELAY_VERDICT_H_

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "core/clock.h"
#include "core/envelope.h"
#include "core/message.h"
#include "relay/delivery_listener.h"
#include "relay/retry_policy.h"
#include "smtp/client_conversation.h"
#include "store/outcome.h"
#include "store/queue_index.h"

namespace postern {

struct Verdict {
  RecipientState state = RecipientState::kWaiting;
  WallTime next_attempt{};  // zero when there is none
  std::string note{};       // the reply, or our reason (smtp/noted_reply.h)
  DeliveryEventKind kind = DeliveryEventKind::kDelivered;
};

// What the results of one attempt are judged by.
struct Court {
  const EnvelopeHead& head;
  MessageId message;
  const RetryPolicy& policy;
  WallTime now{};
  // Whether the administrator is to see a failure that is noted so, of which the sender wants to hear nothing.
  absl::FunctionRef<bool(std::string_view note)> is_copied;
};

// A recipient who has failed need not be told of, or is kFailed until he was; one who has arrived is kArrived until his
// sender, who asked for it, was told.
Verdict Judge(const Court& court, const Recipient& recipient, const QueuedRecipient& before,
              const RecipientResult& result);
// A dead letter was written, or was not and is tried again, however long that takes.
Verdict JudgeDeadLetter(const Court& court, const QueuedRecipient& before, const RecipientResult& result);

// A reply as it is noted.
std::string NoteOf(const ServerReply& reply);
// How often a recipient was tried in vain, this time included.
uint16_t CountAttempt(const QueuedRecipient& before);

}  // namespace postern

#endif  // POSTERN_RELAY_VERDICT_H_
