// What an operator sees of the queue and may do to it: on the running gateway beside its Relay, and offline without
// one.
//
// Plain functions on a MailStore, called on the thread that owns it. A listing goes page by page, so that a million
// messages hold up nobody; each entry reads its envelope from the log.

#ifndef POSTERN_RELAY_QUEUE_VIEW_H_
#define POSTERN_RELAY_QUEUE_VIEW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/message.h"
#include "relay/mail_store.h"

namespace postern {

struct QueueRecipientView {
  std::string address;
  QueuedRecipient status;
  std::string text;  // the last reply, or reason
};

struct QueueEntryView {
  MessageId id;
  uint64_t body_size = 0;
  std::string sender;
  std::string peer;  // who gave it to us
  std::vector<QueueRecipientView> recipients;
  std::string error;  // why it cannot be read; then sender, peer and addresses are missing
};

struct QueuePage {
  size_t message_count = 0;  // in the whole queue
  std::vector<QueueEntryView> entries;
  std::optional<uint64_t> next_cursor;  // ask on with this; nothing when this was the last page
};

std::optional<QueueEntryView> ShowQueued(MailStore& store, MessageId message);
QueuePage ListQueue(MailStore& store, uint64_t cursor, size_t entry_count_max);  // 0 is the first page's

// The outcome that lets every recipient who is not done be tried at once (`retry`), or be forgotten: its bytes
// are a Handoff's head.
void EncodeOperation(const MailState& message, bool retry, WallTime now, OutcomeWriter& writer);

const char* ToText(RecipientState state);

}  // namespace postern

#endif  // POSTERN_RELAY_QUEUE_VIEW_H_
