// Attempt is one message on its way to one destination: who of its recipients goes there, and what became of them.
//
// The relay owns it, on its thread, from the moment the scheduler gave the message until the outcome was read back from
// the log; in between no other attempt is made for the pair. A link (or a mailbox job) works on it and fills in the
// results.

#ifndef POSTERN_RELAY_ATTEMPT_H_
#define POSTERN_RELAY_ATTEMPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/envelope.h"
#include "core/handoff.h"
#include "relay/mail_store.h"
#include "relay/scheduler.h"
#include "smtp/client_conversation.h"
#include "store/outcome.h"

namespace postern {

struct Attempt {
  MessageId message;
  Scheduler::DestinationIndex destination = 0;
  StoredMessage stored;
  Envelope envelope;                     // views into `stored`
  std::vector<uint32_t> indices;         // of the recipients that go there, in the envelope
  std::vector<uint16_t> attempt_counts;  // failed ones before this, beside `indices`
  std::vector<Recipient> recipients;     // beside `indices`
  std::vector<RecipientResult> results;  // beside `indices`, when it is over
  std::vector<std::string> texts;        // the results as they are noted
  std::string host;                      // where it went, for people

  // The outcome on its way into the log.
  Handoff handoff;
  OutcomeWriter outcome;
  WallTime next_attempt{INT64_MAX};  // the earliest of the deferred ones
  bool answered = false;             // its results are in, its outcome is made
  bool untried = false;              // we never came to it: made again soon, and not counted
  uint32_t mailbox_job_count = 0;    // under way, for a maildir
};

}  // namespace postern

#endif  // POSTERN_RELAY_ATTEMPT_H_
