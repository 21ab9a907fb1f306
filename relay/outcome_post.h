// OutcomePost brings outcomes into the log, and says when each was read back from it: before that it does not count.
//
// Relay owns it, on its thread. A handoff is lent from Send() until it comes out of TakeReadBack() or TakeStuck(). The
// writer tells its frontier before it sends receipts, so when a log has been read to its end, the outcomes of all
// receipts that we hold have been read back.

#ifndef POSTERN_RELAY_OUTCOME_POST_H_
#define POSTERN_RELAY_OUTCOME_POST_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/doorbell.h"
#include "core/handoff.h"
#include "relay/mail_store.h"

namespace postern {

class OutcomePost {
 public:
  // At most `count_max` handoffs are away at once, and have places with every writer; more wait here. `self` wakes the
  // thread that takes the turns.
  OutcomePost(MailStore& store, size_t count_max, const Clock& clock, Wakeable& self)
      : store_(store), count_max_(count_max), clock_(clock), receipts_(count_max, self) {}

  // `handoff` names the message and holds the outcome; the rest is filled in.
  void Send(Handoff& handoff);

  // Before the logs are read on.
  void TakeReceipts();
  // After they were read to their end.
  std::vector<Handoff*> TakeReadBack() { return std::exchange(durable_, {}); }
  // Those that can be noted no more until a restart: the log is poisoned.
  std::vector<Handoff*> TakeStuck() { return std::exchange(stuck_, {}); }
  // What found no room before.
  void SendAgain();

  bool HasWork() const { return !receipts_.queue.LooksEmpty(); }
  // When SendAgain() has something to do; nothing when never.
  std::optional<WallTime> next_turn() const;

 private:
  MailStore& store_;
  const size_t count_max_;
  const Clock& clock_;
  ReceiptBox receipts_;
  size_t away_count_ = 0;
  std::deque<Handoff*> unsent_;  // found no room with the writer
  std::vector<Handoff*> durable_;
  std::vector<Handoff*> stuck_;
  WallTime resend_at_;  // the disk was full
};

}  // namespace postern

#endif  // POSTERN_RELAY_OUTCOME_POST_H_
