#include "relay/relay.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/log/check.h"

namespace postern {
namespace {

// A turn is short, so that links and the control socket are served between.
constexpr size_t kFoldRecordsPerTurn = 2000;
// Outcomes on their way to the log, of all attempts and wishes; the gateway has places with the writers for them.
constexpr size_t kOutcomesAwayMax = 256;
// Less is a clock that is being adjusted little by little.
constexpr Duration kClockStepMin = std::chrono::seconds(1);
constexpr uint32_t kInlineAttemptCountMax = 64;  // of a destination that needs neither a connection nor a mailbox

}  // namespace

absl::StatusOr<std::unique_ptr<Relay>> Relay::Create(RelayOptions options, const RouteTable& routes, MailStore& store,
                                                     Courier& courier, MailboxWriter& mailboxes, MessageIdSource& ids,
                                                     DeliveryListener& listener, const Clock& clock, Wakeable& self) {
  auto relay = std::unique_ptr<Relay>(
      new Relay(std::move(options), routes, store, courier, mailboxes, ids, listener, clock, self));
  const auto add_place = [&relay](const std::string& maildir) -> absl::Status {
    absl::StatusOr<MaildirTemplate> parsed = MaildirTemplate::Parse(maildir);
    if (!parsed.ok()) return parsed.status();
    relay->templates_.back() = *std::move(parsed);
    return absl::OkStatus();
  };
  for (uint32_t i = 0; i < routes.count(); ++i) {
    relay->templates_.emplace_back();
    if (routes.route(i).kind != RouteKind::kMaildir) continue;
    if (absl::Status added = add_place(routes.route(i).maildir); !added.ok()) return added;
  }
  relay->templates_.emplace_back();
  if (absl::Status added = add_place(relay->options_.dead_letters); !added.ok()) return added;
  return relay;
}

Relay::Relay(RelayOptions options, const RouteTable& routes, MailStore& store, Courier& courier,
             MailboxWriter& mailboxes, MessageIdSource& ids, DeliveryListener& listener, const Clock& clock,
             Wakeable& self)
    : options_(std::move(options)),
      routes_(routes),
      store_(store),
      courier_(courier),
      mailboxes_(mailboxes),
      listener_(listener),
      clock_(clock),
      book_(routes, options_.hostname),
      post_(store, kOutcomesAwayMax, clock, self),
      operations_(store, post_, clock, *this),
      rounds_(store, book_, routes, options_.retry),
      reporter_(options_.reports, store, ids, *this, clock, self) {
  WatchClock();
  for (uint32_t i = 0; i < book_.count(); ++i) OpenDestination(i);
}

bool Relay::Turn() {
  WatchClock();
  TakeMailboxJobs();
  post_.TakeReceipts();
  reporter_.Turn();
  bool more = store_.Fold(*this, kFoldRecordsPerTurn);
  if (!more) {
    if (!store_.stuck() || stopping_) {
      for (Handoff* handoff : post_.TakeReadBack()) HandleReadBack(*handoff);
      for (const DoneReport& done : std::exchange(reports_done_, {})) FinishReport(done);
    }
    // From the next turn on something is done.
    if (!std::exchange(caught_up_, true)) return true;
  }
  for (Handoff* handoff : post_.TakeStuck()) HandleStuck(*handoff);
  post_.SendAgain();
  if (caught_up_ && !stopping_) {
    more |= operations_.Continue();
    more |= ContinueRounds();
    StartReports();
    scheduler_.Advance(clock_.Wall());
    more |= StartAttempts();
  }
  return more;
}

// A retry waits for a time to pass, not for an hour to be told: whoever sets the clock back by a year, or corrects one
// that ran ahead, must not have mail wait for it. Set forward it makes mail due early, which harms nobody.
void Relay::WatchClock() {
  const int64_t ahead_us = clock_.Wall().us - clock_.Monotonic().ns / 1000;
  const std::chrono::microseconds set_back(clock_ahead_us_ - ahead_us);
  if (set_back >= kClockStepMin) scheduler_.HandleClockSetBack(set_back);
  clock_ahead_us_ = ahead_us;
}

std::optional<WallTime> Relay::next_turn() const {
  std::optional<WallTime> next = post_.next_turn();
  const auto consider = [&next](std::optional<WallTime> time) {
    if (time.has_value() && (!next.has_value() || *time < *next)) next = time;
  };
  consider(reporter_.next_turn());
  if (stopping_) return next;
  consider(scheduler_.next_due());
  if (store_.message_count() > 0 && !RoundsStandStill()) consider(rounds_.next_turn());
  return next;
}

void Relay::Stop() {
  stopping_ = true;
  operations_.Stop();
  reporter_.Stop();
  courier_.StopKeeping();
}

void Relay::Abort() {
  Stop();
  courier_.Abort();
}

void Relay::HandleAccepted(MessageId message, std::string_view envelope, std::span<QueuedRecipient> recipients) {
  const std::optional<Envelope> parsed = ParseEnvelope(envelope);
  CHECK(parsed.has_value() && parsed->recipients.size() == recipients.size());
  std::vector<uint32_t> seen;  // a message goes to a few destinations, whatever the number of its recipients
  for (size_t i = 0; i < recipients.size(); ++i) {
    const uint32_t destination = DestinationOf(parsed->recipients[i].address);
    recipients[i].destination = destination;
    if (std::find(seen.begin(), seen.end(), destination) != seen.end()) continue;
    seen.push_back(destination);
    scheduler_.Add(destination, message, WallTime{});
  }
}

bool Relay::idle() const {
  const auto is_over = [](const auto& entry) { return entry.second->answered && entry.second->notes_away == 0; };
  return std::all_of(attempts_.begin(), attempts_.end(), is_over) && operations_.idle() && reporter_.idle();
}

void Relay::HandleReadBack(Handoff& handoff) {
  if (operations_.Owns(handoff)) return operations_.HandleReadBack(handoff);
  Attempt& attempt = *static_cast<Attempt*>(handoff.owner);
  if (--attempt.notes_away == 0 && attempt.answered && !attempt.lost) Release(attempt);
}

// Nothing can be noted until a restart. The attempt stays in work, so that it is not made again.
void Relay::HandleStuck(Handoff& handoff) {
  if (operations_.Owns(handoff)) return operations_.HandleStuck(handoff);
  Attempt& attempt = *static_cast<Attempt*>(handoff.owner);
  --attempt.notes_away;
  attempt.lost = true;
}

// All that was noted was read back: the pair may be tried again, when its time comes.
void Relay::Release(Attempt& attempt) {
  const WorkScope work(options_.slot, WorkStage::kRelaying, attempt.message);
  const std::optional<MailState> queued = store_.Find(attempt.message);
  if (queued.has_value()) {
    if (attempt.next_attempt.us != INT64_MAX) {
      scheduler_.Add(attempt.destination, attempt.message, attempt.next_attempt);
    } else if (std::any_of(queued->recipients.begin(), queued->recipients.end(), [&](const QueuedRecipient& recipient) {
                 return recipient.destination == attempt.destination && Tries(recipient);
               })) {
      // A segment was copied into another log: what was settled was one copy, and here is the other.
      scheduler_.Add(attempt.destination, attempt.message, clock_.Wall());
    }
    ReportWhatIsDue(attempt.message, &attempt);
  }
  attempts_.erase(Key{attempt.message.number, attempt.destination});
}

bool Relay::InWork(MessageId message) const {
  if (reported_.contains(message.number) || operations_.WorksOn(message)) return true;
  const std::optional<MailState> queued = store_.Find(message);
  return queued.has_value() &&
         std::any_of(queued->recipients.begin(), queued->recipients.end(), [&](const QueuedRecipient& recipient) {
           return attempts_.contains(Key{message.number, recipient.destination});
         });
}

// A destination that is down is probed at once, by one message and not by all that are wanted.
QueueOperations::Answer Relay::ActOnAll(QueueAction action, std::optional<uint32_t> destination) {
  if (stopping_) return QueueOperations::Answer::kBusy;
  const QueueOperations::Answer answer = operations_.ActOnAll(action, destination);
  const bool tries = action == QueueAction::kRetry || action == QueueAction::kRelease;
  if (answer != QueueOperations::Answer::kStarted || !tries) return answer;
  for (uint32_t i = 0; i < book_.count(); ++i) {
    if (book_.entry(i).used && destination.value_or(i) == i) scheduler_.ProbeNow(i);
  }
  return answer;
}

void Relay::HandleOperationDone(const Wish& wish, MessageId message) {
  const std::optional<MailState> queued = store_.Find(message);
  if (!queued.has_value() || wish.action == QueueAction::kHold || wish.action == QueueAction::kDelete) return;
  if (wish.action == QueueAction::kBounce) return ReportWhatIsDue(message, nullptr);
  std::vector<uint32_t> seen;
  for (const QueuedRecipient& recipient : queued->recipients) {
    if (!wish.Concerns(recipient) || !Waits(recipient.state)) continue;
    if (std::find(seen.begin(), seen.end(), recipient.destination) != seen.end()) continue;
    seen.push_back(recipient.destination);
    if (wish.scope == Wish::Scope::kMessage) {
      scheduler_.AddForced(recipient.destination, message, clock_.Wall());
    } else {
      scheduler_.Add(recipient.destination, message, clock_.Wall());
    }
  }
}

uint32_t Relay::DestinationOf(std::string_view address) {
  const uint32_t destination = book_.Find(address);
  if (destination >= places_.size() || !places_[destination].open) OpenDestination(destination);
  rounds_.NoteUsed(destination);
  return destination;
}

void Relay::OpenDestination(uint32_t destination) {
  if (destination >= places_.size()) places_.resize(destination + 1);
  places_[destination] = {.open = true, .last_error = {}};
  // The book and the scheduler give and take indices in the same order, so they are the same.
  CHECK_EQ(scheduler_.AddDestination(PolicyOf(destination), AttemptCountMax(destination)), destination);
}

// No destination may have all attempts: there are others.
uint32_t Relay::AttemptCountMax(uint32_t destination) const {
  const auto share = static_cast<uint32_t>(std::max<size_t>(1, options_.attempt_count_max / 2));
  if (destination == book_.dead_letters()) return 1;
  const Route* const route = RouteOf(destination);
  if (route == nullptr) return 1;
  switch (route->kind) {
    case RouteKind::kMaildir: return std::min(share, options_.mailbox_attempt_count_max);
    case RouteKind::kReject:
    case RouteKind::kDiscard: return std::min(share, kInlineAttemptCountMax);
    case RouteKind::kMx: return options_.onward ? std::min(share, route->connection_count_max) : 0;
    case RouteKind::kNextHop:
      if (!options_.onward) return 0;
      [[fallthrough]];
    case RouteKind::kLmtp: {
      const auto host_count = static_cast<uint32_t>(std::max<size_t>(1, route->next_hops.size()));
      return std::min(share, route->connection_count_max * host_count);
    }
  }
  return 0;
}

const Route* Relay::RouteOf(uint32_t destination) const {
  const uint32_t route = book_.entry(destination).route;
  return route < routes_.count() ? &routes_.route(route) : nullptr;
}

const RetryPolicy& Relay::PolicyOf(uint32_t destination) const {
  const Route* const route = RouteOf(destination);
  return route == nullptr ? options_.retry : route->retry;
}

// A gateway that runs for months meets many domains: those that no message names any more are forgotten.
void Relay::RemoveUnused() {
  for (const uint32_t destination : rounds_.TakeUnused()) {
    const Route* const route = RouteOf(destination);
    const bool of_mx = route != nullptr && route->kind == RouteKind::kMx;
    if (!of_mx || !scheduler_.Unused(destination) || operations_.Names(destination)) continue;
    scheduler_.RemoveDestination(destination);
    places_[destination].open = false;
    book_.Remove(destination);
  }
}

std::vector<DestinationStatus> Relay::Status() const {
  std::vector<DestinationStatus> all;
  for (uint32_t i = 0; i < book_.count(); ++i) {
    if (!book_.entry(i).used) continue;
    const Scheduler::View view = scheduler_.view(i);
    if (view.active_count == 0 && view.failure_count == 0) continue;
    all.push_back({.destination = i,
                   .active_count = view.active_count,
                   .down = view.failure_count > 0,
                   .probe_at = view.probe_at,
                   .last_error = places_[i].last_error});
  }
  return all;
}

}  // namespace postern
