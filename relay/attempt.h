// Attempt is one message on its way to one destination: who of its recipients goes there, and what became of them.
//
// The relay owns it, on its thread, from the moment the scheduler gave the message until the outcome was read back from
// the log; in between no other attempt is made for the pair. A link (or a mailbox job) works on it and fills in the
// results.

#ifndef POSTERN_RELAY_ATTEMPT_H_
#define POSTERN_RELAY_ATTEMPT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/envelope.h"
#include "core/handoff.h"
#include "relay/mail_store.h"
#include "relay/route.h"
#include "smtp/client_conversation.h"
#include "store/outcome.h"
#include "store/queue_index.h"

namespace postern {

// Some of an attempt's results on their way into the log.
struct AttemptNote {
  Handoff handoff;
  OutcomeWriter outcome;
};

struct Attempt {
  MessageId message;
  uint32_t destination = 0;      // index in the DestinationBook and the Scheduler
  const Route* route = nullptr;  // outlives it; null for what has no route
  std::string domain{};          // RouteKind::kMx: whose mail exchanges are asked, in lower case
  StoredMessage stored;
  Envelope envelope;                     // views into `stored`
  std::vector<uint32_t> indices;         // of the recipients that go there, in the envelope
  std::vector<QueuedRecipient> before;   // as they were when it began, beside `indices`
  std::vector<Recipient> recipients;     // beside `indices`
  std::vector<RecipientResult> results;  // beside `indices`, as far as it has come: AttemptListener
  std::string host;                      // where it went, for people
  std::string remote{};                  // with whom it spoke, as "mail.example" or "[192.0.2.1]"; or empty

  // What is noted of it: recipients that are settled at once, the others when it is over.
  std::deque<AttemptNote> notes{};
  std::vector<bool> noted{};         // beside `indices`
  size_t notes_away = 0;             // not read back yet
  WallTime next_attempt{INT64_MAX};  // the earliest of the deferred ones
  bool answered = false;             // it is over, and all of it is noted
  bool lost = false;                 // a note can come into no log before a restart: it stays in work
  uint32_t mailbox_job_count = 0;    // under way, for a maildir
};

}  // namespace postern

#endif  // POSTERN_RELAY_ATTEMPT_H_
