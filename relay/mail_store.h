// MailStore is what the relay asks of stored mail: what waits, what it is, and to note what became of it.
//
// The gateway owns it; the relay (or a command, when no gateway runs) uses it on its own thread. It is the seam between
// the relay and the logs: LogMailStore (log_mail_store.h) folds the logs of the store, a test keeps messages in memory.
// Nothing that is noted shows before it is durable and read back.

#ifndef POSTERN_RELAY_MAIL_STORE_H_
#define POSTERN_RELAY_MAIL_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/clock.h"
#include "core/handoff.h"
#include "core/message.h"
#include "relay/message_body.h"
#include "store/outcome.h"
#include "store/queue_index.h"

namespace postern {

// A message in the queue: some of its recipients are not settled.
struct MailState {
  MessageId id;
  uint64_t body_size = 0;
  uint8_t flags = 0;                          // of its envelope: core/envelope.h
  std::vector<QueuedRecipient> recipients{};  // in the envelope's order
};

// The same, lent until the next call of the store.
struct MailView {
  MessageId id;
  uint64_t body_size = 0;
  uint8_t flags = 0;
  std::span<const QueuedRecipient> recipients{};
};

// Whether an attempt is to be made for the recipient, now or later.
inline bool Waits(RecipientState state) {
  return state == RecipientState::kWaiting || state == RecipientState::kDeferred || state == RecipientState::kDelayed;
}

// Whether it waits for an operator.
inline bool IsHeld(RecipientState state) {
  return state == RecipientState::kHeld || state == RecipientState::kHeldDelayed;
}

// A message with its content.
struct StoredMessage {
  std::string envelope{};  // encoded: core/envelope.h
  uint64_t body_size = 0;
  std::unique_ptr<MessageBody> body{};
};

// Hears of what the logs say, in their order.
class FoldListener {
 public:
  virtual ~FoldListener() = default;
  // `message` was accepted; `envelope` is encoded and gone when this returns, `recipients` are those of the queue. The
  // listener sets the `destination` of each, and nothing else.
  virtual void HandleAccepted(MessageId message, std::string_view envelope, std::span<QueuedRecipient> recipients) = 0;
};

class MailStore {
 public:
  virtual ~MailStore() = default;

  // Reads on in the logs, at most `record_count_max` records; true when there is more that is durable.
  virtual bool Fold(FoldListener& listener, size_t record_count_max) = 0;
  // Fold() has come to no end: a log cannot be read on for the moment, and outcomes that are durable may not show yet.
  virtual bool stuck() const { return false; }

  // Nothing when it is not in the queue (any more).
  virtual std::optional<MailState> Find(MessageId message) = 0;
  // Shows up to `count_max` places of the queue from `cursor` on, which starts at 0 and is moved on; a place may be
  // empty. False at the end. What comes or goes meanwhile may be missed.
  virtual bool Walk(uint64_t& cursor, size_t count_max, absl::FunctionRef<void(const MailView&)> visit) = 0;
  // Changes the caller's note at a recipient, at once: it is in no log. Nothing when the message left the queue.
  virtual void SetDestination(MessageId message, uint32_t recipient_index, uint32_t destination) = 0;
  virtual size_t message_count() const = 0;
  // May be used until its body is destroyed, on any one thread. NotFound when it left the queue.
  virtual absl::StatusOr<StoredMessage> Open(MessageId message) = 0;
  // The last reply or reason that was noted for a recipient; empty when there was none.
  virtual std::string LastText(MessageId message, uint32_t recipient_index) = 0;

  // An outcome (kOutcome), or a piece of a report (kFragment, kAccepted, kAbandoned, with `about` set in each), on its
  // way to the log. False when the writer's queue is full: try again later. The result comes to the handoff's home. A
  // report that has found no room is pushed again from its first piece on, or given up by kAbandoned, without which the
  // store would wait for its outcome for ever.
  virtual bool TryPush(Handoff& handoff) = 0;
};

}  // namespace postern

#endif  // POSTERN_RELAY_MAIL_STORE_H_
