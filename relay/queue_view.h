// What an operator sees of the queue and may do to it: on the running gateway beside its Relay, and offline without
// one.
//
// Plain functions on a MailStore, called on the thread that owns it. A listing goes page by page, so that a million
// messages hold up nobody; each entry reads its envelope from the log. How much waits for which destination is counted
// by QueueTally (relay/queue_tally.h), which reads none.

#ifndef POSTERN_RELAY_QUEUE_VIEW_H_
#define POSTERN_RELAY_QUEUE_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/message.h"
#include "relay/destination_book.h"
#include "relay/mail_store.h"
#include "store/outcome.h"

namespace postern {

// An operator's wish.
enum class QueueAction : uint8_t {
  kRetry,    // who waits is tried at once
  kHold,     // who waits is not tried until released
  kRelease,  // who is held is tried at once
  kDelete,   // forget the message, tell nobody
  kBounce,   // who waits or is held is given up, and the sender is told
};

// What a running gateway knows of a destination beside the queue itself.
struct DestinationStatus {
  uint32_t destination = 0;   // as in the DestinationBook
  uint32_t active_count = 0;  // messages that are being delivered just now
  bool down = false;          // nobody answers there; one message tries at `probe_at`
  WallTime probe_at{};
  std::string last_error{};  // why the last attempt failed; empty when it did not
};

struct QueueRecipientView {
  std::string address{};
  std::string destination{};  // its name
  QueuedRecipient status{};
  std::string text{};  // the last reply, or reason
  std::string due{};   // what is still to be done for one who is not to be tried any more; empty when nothing is
};

struct QueueEntryView {
  MessageId id;
  uint64_t body_size = 0;
  uint8_t flags = 0;  // of the envelope: priority, whether it is a report of ours
  std::string sender{};
  std::string peer{};  // who gave it to us
  std::vector<QueueRecipientView> recipients{};
  std::string error{};  // why it cannot be read; then sender, peer and addresses are missing
};

struct QueuePage {
  size_t message_count = 0;  // in the whole queue
  std::vector<QueueEntryView> entries{};
  std::optional<uint64_t> next_cursor{};  // ask on with this; nothing when this was the last page
};

// How much one page may cost: a page ends where one of them is reached, the last entry included.
struct QueuePageLimits {
  size_t entry_count_max;
  size_t recipient_count_max;
  size_t place_count_max;  // of the queue that are looked at: with a destination a page may have no entry
};

std::optional<QueueEntryView> ShowQueued(MailStore& store, const DestinationBook& book, MessageId message);
// From `cursor` on, which is 0 for the first page. With a destination, the messages that have a recipient there.
QueuePage ListQueue(MailStore& store, const DestinationBook& book, std::optional<uint32_t> destination, uint64_t cursor,
                    const QueuePageLimits& limits);

// Writes the outcome that carries out the wish for the recipients of one destination, or all: its bytes are a
// Handoff's head. False when there is nobody whom it would change.
bool EncodeOperation(const MailState& message, QueueAction action, std::optional<uint32_t> destination, WallTime now,
                     OutcomeWriter& writer);

// The same for a message that the program has died of: nobody of it is tried or told any more until it is released. Who
// has arrived is done, since to release him would be to send it again.
bool EncodeParking(const MailState& message, std::string_view why, WallTime now, OutcomeWriter& writer);

// For people: it does not tell kHeldDelayed from kHeld.
const char* ToText(RecipientState state);

}  // namespace postern

#endif  // POSTERN_RELAY_QUEUE_VIEW_H_
