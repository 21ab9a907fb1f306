// Relay gets stored mail out: it folds the logs, schedules what waits, has it carried, notes what became of it, and has
// those told who must know.
//
// The gateway owns it and lets it take a Turn() on the relay's reactor, at every turn of that; the simulator does the
// same. All its functions belong to that thread. What it knows of a message is what the log says: an outcome counts
// when it was read back, and until then no other attempt is made for that message and destination.
//
//   log -> Fold -> Scheduler -> Attempt -> Courier | MailboxWriter
//    ^------- writer <- OutcomePost <- results <-------'
//    ^------- writer <- Reporter    <- what has failed, arrived, or is late

#ifndef POSTERN_RELAY_RELAY_H_
#define POSTERN_RELAY_RELAY_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
#include "relay/destination_book.h"
#include "relay/mail_store.h"
#include "relay/mailbox_writer.h"
#include "relay/outcome_post.h"
#include "relay/queue_operations.h"
#include "relay/queue_rounds.h"
#include "relay/queue_view.h"
#include "relay/reporter.h"
#include "relay/route.h"
#include "relay/scheduler.h"
#include "relay/verdict.h"

namespace postern {

struct RelayOptions {
  std::string hostname;                     // the domain of a recipient that has none: postmaster
  RetryPolicy retry{};                      // for what has no route, and for dead letters
  size_t attempt_count_max = 256;           // at once, their outcomes on the way to the log included
  uint32_t mailbox_attempt_count_max = 64;  // for one maildir route
  std::string dead_letters{};               // the Maildir for what can neither be delivered nor returned
  bool onward = true;                       // false: what is to leave by next_hop or mx waits (transfer = "inbound")
  ReportOptions reports{};
  WorkSlot* slot = nullptr;  // where its thread notes which message it works on
};

class Relay final : public FoldListener, public AttemptListener, private QueueOperationsHost, private ReportListener {
 public:
  // All that is lent outlives the relay. `self` wakes the thread that takes the turns.
  // `ids` gives reports their names, and is first asked in a turn after the one that has caught up.
  static absl::StatusOr<std::unique_ptr<Relay>> Create(RelayOptions options, const RouteTable& routes, MailStore& store,
                                                       Courier& courier, MailboxWriter& mailboxes, MessageIdSource& ids,
                                                       DeliveryListener& listener, const Clock& clock, Wakeable& self);

  // A bounded step. True when there is more to do at once; else next_turn() says when, unless somebody wakes us before.
  bool Turn();
  std::optional<WallTime> next_turn() const;

  // Something came home from another thread.
  bool HasWork() const { return post_.HasWork() || mailboxes_.HasDone() || reporter_.HasWork(); }

  // No new attempts; those under way go on. Abort() ends them too. Their outcomes still have to be written.
  void Stop();
  void Abort();
  // Nothing is under way any more; what a poisoned log could not take stays in work, and nobody waits for it.
  bool idle() const;

  // Operator's wishes; they show when they were read back from the log.
  QueueOperations::Answer Act(QueueAction action, MessageId message) { return operations_.Act(action, message); }
  QueueOperations::Answer ActOnAll(QueueAction action, std::optional<uint32_t> destination);
  // Before anything is begun: nothing of it is tried until an operator releases it.
  QueueOperations::Answer Park(MessageId message, std::string_view why) { return operations_.Park(message, why); }
  const DestinationBook& destinations() const { return book_; }
  // Of all in the book that have something to tell.
  std::vector<DestinationStatus> Status() const;

  // From the courier.
  void HandleProgress(Attempt& attempt) override;
  void HandleAttemptDone(Attempt& attempt, AttemptEnd end) override;

  // False until the logs were read to their end once: no attempt is made before.
  bool caught_up() const { return caught_up_; }

 private:
  using Key = std::pair<uint64_t, uint32_t>;  // a message's number, and where to

  struct DoneReport {
    MessageId about;
    bool made = false;
  };
  // An envelope and the bytes that it points into.
  struct ReadEnvelope {
    std::unique_ptr<std::string> bytes{};
    Envelope envelope{};
  };

  // What is known of a destination beside its schedule.
  struct Place {
    bool open = false;         // the scheduler has it
    std::string last_error{};  // why it is down
  };

  Relay(RelayOptions options, const RouteTable& routes, MailStore& store, Courier& courier, MailboxWriter& mailboxes,
        MessageIdSource& ids, DeliveryListener& listener, const Clock& clock, Wakeable& self);

  // The turn.
  void HandleAccepted(MessageId message, std::string_view envelope, std::span<QueuedRecipient> recipients) override;
  void HandleReadBack(Handoff& handoff);
  void HandleStuck(Handoff& handoff);
  void Release(Attempt& attempt);
  bool InWork(MessageId message) const override;
  void HandleOperationDone(const Wish& wish, MessageId message) override;

  // Destinations.
  uint32_t DestinationOf(std::string_view address);
  void OpenDestination(uint32_t destination);
  uint32_t AttemptCountMax(uint32_t destination) const;
  const Route* RouteOf(uint32_t destination) const;
  const RetryPolicy& PolicyOf(uint32_t destination) const;
  void RemoveUnused();

  // Attempts: relay_attempts.cc.
  enum class Occasion : uint8_t {
    kDue,
    kForced,   // an operator wants it now: due times do not count
    kExpired,  // nor here, and nothing is tried any more
  };
  bool StartAttempts();
  void StartAttempt(const Scheduler::Start& start);
  void Carry(Attempt& attempt);
  Attempt* MakeAttempt(MessageId message, uint32_t destination, Occasion occasion);
  absl::Status Load(Attempt& attempt, const MailState& queued);
  void Expire(MessageId message, uint32_t destination);
  bool Tries(const QueuedRecipient& recipient) const;
  void StartMailboxJobs(Attempt& attempt, const std::string& place);
  void TakeMailboxJobs();
  void AddMailboxResults(Attempt& attempt, const MailboxJob& job);
  void NoteAll(Attempt& attempt);
  void Note(Attempt& attempt, bool over);
  void Tell(const Attempt& attempt, size_t i, const Verdict& verdict);

  // Reports: relay_reports.cc.
  bool RoundsStandStill() const;
  bool ContinueRounds();
  void WatchClock();
  void SeeTo(const QueueRounds::Finding& finding);
  void ReportWhatIsDue(MessageId message, const Attempt* attempt);
  ReportedAction ActionOf(const QueuedRecipient& recipient) const;
  bool IsCopied(const EnvelopeHead& head, std::string_view note) const;
  void ReportDelay(MessageId message, uint32_t destination);
  void BuryLetter(MessageId message, uint32_t recipient, const QueuedRecipient& status);
  void Request(ReportRequest request);
  std::optional<ReadEnvelope> Read(const MailState& queued);
  void StartReports();
  void FinishReport(const DoneReport& done);
  void HandleReported(const ReportRequest& request, const ReportResult& result) override;

  const RelayOptions options_;
  const RouteTable& routes_;
  MailStore& store_;
  Courier& courier_;
  MailboxWriter& mailboxes_;
  DeliveryListener& listener_;
  const Clock& clock_;
  DestinationBook book_;
  int64_t clock_ahead_us_ = 0;                             // of the wall clock before the other one
  Scheduler scheduler_;                                    // beside the book
  std::vector<std::optional<MaildirTemplate>> templates_;  // beside the routes; one more for dead letters
  std::vector<Place> places_;                              // beside the book
  OutcomePost post_;
  QueueOperations operations_;
  QueueRounds rounds_;
  Reporter reporter_;

  absl::flat_hash_map<Key, std::unique_ptr<Attempt>> attempts_;  // in work
  absl::flat_hash_map<uint64_t, uint32_t> reported_;             // messages with reports under way, and how many
  std::deque<ReportRequest> requests_;                           // reports that the reporter has no hand free for
  std::vector<DoneReport> reports_done_;                         // the log may not have been read so far yet
  std::deque<std::unique_ptr<MailboxJob>> jobs_;                 // found no room with the mailbox writer
  std::deque<QueueRounds::Finding> findings_;                    // of the round, to be seen to
  bool caught_up_ = false;
  bool stopping_ = false;
};

}  // namespace postern

#endif  // POSTERN_RELAY_RELAY_H_
