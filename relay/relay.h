// Relay gets stored mail out: it folds the logs, schedules what waits, has it carried, and notes what became of it.
//
// The gateway owns it and lets it take a Turn() on the relay's reactor, at every turn of that; the simulator does the
// same. All its functions belong to that thread. What it knows of a message is what the log says: an outcome counts
// when it was read back, and until then no other attempt is made for that message and destination.
//
//   log -> Fold -> Scheduler -> Attempt -> Courier | MailboxWriter
//    ^------- writer <- outcome <- results <-----------'

#ifndef POSTERN_RELAY_RELAY_H_
#define POSTERN_RELAY_RELAY_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/clock.h"
#include "core/doorbell.h"
#include "core/handoff.h"
#include "relay/attempt.h"
#include "relay/courier.h"
#include "relay/delivery_listener.h"
#include "relay/mail_store.h"
#include "relay/mailbox_writer.h"
#include "relay/route.h"
#include "relay/scheduler.h"

namespace postern {

struct RelayOptions {
  std::string hostname;  // the domain of a recipient that has none: postmaster
  RetryPolicy retry{};
  size_t attempt_count_max = 256;           // at once, their outcomes on the way to the log included
  uint32_t mailbox_attempt_count_max = 64;  // for one maildir route
};

class Relay final : public FoldListener, public AttemptListener {
 public:
  // All that is lent outlives the relay. `self` wakes the thread that takes the turns.
  static absl::StatusOr<std::unique_ptr<Relay>> Create(RelayOptions options, const RouteTable& routes, MailStore& store,
                                                       Courier& courier, MailboxWriter& mailboxes,
                                                       DeliveryListener& listener, const Clock& clock, Wakeable& self);

  // A bounded step. True when there is more to do at once; else next_turn() says when, unless somebody wakes us before.
  bool Turn();
  std::optional<WallTime> next_turn() const;

  // Something came home from another thread.
  bool HasWork() const { return !receipts_.queue.LooksEmpty() || mailboxes_.HasDone(); }

  // No new attempts; those under way go on. Abort() ends them too. Their outcomes still have to be written.
  void Stop();
  void Abort();
  // Nothing is under way any more; what a poisoned log could not take stays in work, and nobody waits for it.
  bool idle() const { return attempts_.size() == stuck_count_ && operations_.empty(); }

  // Operator's wishes; they show when they were read back from the log.
  enum class Answer : uint8_t {
    kStarted,
    kNotFound,  // not in the queue
    kBusy,      // an attempt is under way, or too many wishes are
  };
  Answer Retry(MessageId message);
  Answer Delete(MessageId message);
  void RetryAll() { retry_all_cursor_ = 0; }

  // False until the logs were read to their end once: no attempt is made before.
  bool caught_up() const { return caught_up_; }

 private:
  using Key = std::pair<uint64_t, Scheduler::DestinationIndex>;  // a message's number, and where to

  // A wish on its way into the log.
  struct Operation {
    Handoff handoff;
    OutcomeWriter outcome;
    bool retry = false;
  };

  Relay(RelayOptions options, const RouteTable& routes, MailStore& store, Courier& courier, MailboxWriter& mailboxes,
        DeliveryListener& listener, const Clock& clock, Wakeable& self);

  void HandleAccepted(MessageId message, std::string_view envelope) override;
  void HandleAttemptDone(Attempt& attempt, Scheduler::Finish finish) override;

  bool Fold();
  void TakeReceipts();
  void HandleReceipt(Handoff& handoff);
  void Release(Attempt& attempt);
  void Release(Operation& operation);
  void TakeMailboxJobs();
  void SendOutcomes();
  bool StartAttempts();
  void ContinueRetryAll();
  void StartAttempt(Scheduler::Item item, Scheduler::DestinationIndex destination, bool expired);
  // Null when there is nothing to try now; what is for later was scheduled.
  std::unique_ptr<Attempt> MakeAttempt(Scheduler::Item item, Scheduler::DestinationIndex destination, bool expired);
  void StartMailboxJobs(Attempt& attempt, const Route& route);
  void AddMailboxResults(Attempt& attempt, const MailboxJob& job);
  void SettleAll(Attempt& attempt, Fate fate, uint16_t code, std::string_view enhanced, std::string_view text);
  RecipientOutcome MakeOutcome(Attempt& attempt, size_t i, WallTime now);
  Answer StartOperation(MessageId message, bool retry);
  bool InWork(MessageId message) const;

  Scheduler::DestinationIndex DestinationOf(std::string_view address) const;
  std::vector<Scheduler::DestinationIndex> DestinationsOf(std::string_view envelope) const;
  std::string DestinationName(Scheduler::DestinationIndex destination) const;

  const RelayOptions options_;
  const RouteTable& routes_;  // a destination each; one more for recipients without a route
  MailStore& store_;
  Courier& courier_;
  MailboxWriter& mailboxes_;
  DeliveryListener& listener_;
  const Clock& clock_;
  Scheduler scheduler_;
  std::vector<std::optional<MaildirTemplate>> templates_;  // beside the routes
  std::vector<std::string> last_errors_;                   // beside the destinations
  ReceiptBox receipts_;

  absl::flat_hash_map<Key, std::unique_ptr<Attempt>> attempts_;  // in work
  absl::flat_hash_map<Handoff*, std::unique_ptr<Operation>> operations_;
  std::deque<Handoff*> unsent_;                   // outcomes that found no room with the writer
  std::vector<Handoff*> durable_;                 // receipts that wait for their record to be read back
  std::deque<std::unique_ptr<MailboxJob>> jobs_;  // found no room with the mailbox writer
  std::optional<uint64_t> retry_all_cursor_;
  WallTime resend_at_;                                // when the disk was full
  Scheduler::DestinationIndex next_destination_ = 0;  // whose turn it is
  size_t stuck_count_ = 0;                            // attempts whose outcome can be noted no more
  bool caught_up_ = false;
  bool stopping_ = false;
};

}  // namespace postern

#endif  // POSTERN_RELAY_RELAY_H_
