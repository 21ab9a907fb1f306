#include "relay/relay.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "relay/queue_view.h"

namespace postern {
namespace {

// A turn is short, so that links and the control socket are served between.
constexpr size_t kFoldRecordsPerTurn = 2000;
constexpr size_t kStartsPerTurn = 64;
constexpr size_t kRetriesPerTurn = 64;
constexpr size_t kOperationCountMax = 64;
constexpr Duration kNoRoomPause = std::chrono::seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<Relay>> Relay::Create(RelayOptions options, const RouteTable& routes, MailStore& store,
                                                     Courier& courier, MailboxWriter& mailboxes,
                                                     DeliveryListener& listener, const Clock& clock, Wakeable& self) {
  auto relay =
      std::unique_ptr<Relay>(new Relay(std::move(options), routes, store, courier, mailboxes, listener, clock, self));
  for (uint32_t i = 0; i < routes.count(); ++i) {
    const Route& route = routes.route(i);
    const bool maildir = route.kind == RouteKind::kMaildir;
    relay->scheduler_.AddDestination(maildir ? relay->options_.mailbox_attempt_count_max : route.connection_count_max);
    relay->templates_.emplace_back();
    if (!maildir) continue;
    absl::StatusOr<MaildirTemplate> parsed = MaildirTemplate::Parse(route.maildir);
    if (!parsed.ok()) return parsed.status();
    relay->templates_.back() = *std::move(parsed);
  }
  relay->scheduler_.AddDestination(1);  // without a route
  relay->last_errors_.resize(relay->scheduler_.destination_count());
  return relay;
}

Relay::Relay(RelayOptions options, const RouteTable& routes, MailStore& store, Courier& courier,
             MailboxWriter& mailboxes, DeliveryListener& listener, const Clock& clock, Wakeable& self)
    : options_(std::move(options)),
      routes_(routes),
      store_(store),
      courier_(courier),
      mailboxes_(mailboxes),
      listener_(listener),
      clock_(clock),
      scheduler_(options_.retry),
      receipts_(options_.attempt_count_max + kOperationCountMax, self) {}

bool Relay::Turn() {
  TakeMailboxJobs();
  TakeReceipts();
  // The writer tells its frontier before it sends receipts: when the logs are read to their end, the outcomes of all
  // receipts that we hold have been read back.
  bool more = Fold();
  if (!more) {
    if (!store_.stuck() || stopping_) {
      for (Handoff* handoff : std::exchange(durable_, {})) HandleReceipt(*handoff);
    }
    caught_up_ = true;
  }
  SendOutcomes();
  if (caught_up_ && !stopping_) {
    ContinueRetryAll();
    scheduler_.Advance(clock_.Wall());
    more |= StartAttempts();
  }
  return more || (retry_all_cursor_.has_value() && operations_.size() < kOperationCountMax);
}

std::optional<WallTime> Relay::next_turn() const {
  std::optional<WallTime> next;
  if (!unsent_.empty()) next = std::max(resend_at_, clock_.Wall() + std::chrono::milliseconds(1));
  if (stopping_) return next;
  const std::optional<WallTime> due = scheduler_.next_due();
  if (due.has_value() && (!next.has_value() || *due < *next)) next = due;
  return next;
}

void Relay::Stop() {
  stopping_ = true;
  retry_all_cursor_.reset();
  courier_.StopKeeping();
}

void Relay::Abort() {
  Stop();
  courier_.Abort();
}

bool Relay::Fold() { return store_.Fold(*this, kFoldRecordsPerTurn); }

void Relay::HandleAccepted(MessageId message, std::string_view envelope) {
  for (const Scheduler::DestinationIndex destination : DestinationsOf(envelope)) {
    scheduler_.Add(destination, message, WallTime{});
  }
}

void Relay::TakeReceipts() {
  Handoff* handoff = nullptr;
  while (receipts_.queue.TryPop(handoff)) {
    switch (handoff->result) {
      case HandoffResult::kDurable: durable_.push_back(handoff); break;
      case HandoffResult::kNoRoom:
        // The writer keeps a reserve for outcomes, so this is rare, and it must not be lost: the mail is out already.
        unsent_.push_back(handoff);
        resend_at_ = clock_.Wall() + kNoRoomPause;
        break;
      case HandoffResult::kPending:
      case HandoffResult::kLost:
      case HandoffResult::kPoisoned:
        // Nothing can be noted until a restart. The attempt stays in work, so that it is not made again.
        if (operations_.erase(handoff) == 0) ++stuck_count_;
        break;
    }
  }
}

void Relay::HandleReceipt(Handoff& handoff) {
  if (const auto operation = operations_.find(&handoff); operation != operations_.end()) {
    const std::unique_ptr<Operation> done = std::move(operation->second);
    operations_.erase(operation);
    Release(*done);
  } else {
    Release(*static_cast<Attempt*>(handoff.owner));
  }
}

// The outcome was read back: the pair may be tried again, when its time comes.
void Relay::Release(Attempt& attempt) {
  const Key key = {attempt.message.number, attempt.destination};
  if (attempt.next_attempt.us != INT64_MAX && store_.Find(attempt.message).has_value()) {
    scheduler_.Add(attempt.destination, attempt.message, attempt.next_attempt);
  }
  attempts_.erase(key);
}

void Relay::Release(Operation& operation) {
  if (!operation.retry || !store_.Find(operation.handoff.message).has_value()) return;
  const absl::StatusOr<StoredMessage> stored = store_.Open(operation.handoff.message);
  if (!stored.ok()) return;
  for (const Scheduler::DestinationIndex destination : DestinationsOf(stored->envelope)) {
    scheduler_.AddForced(destination, operation.handoff.message, clock_.Wall());
  }
}

void Relay::SendOutcomes() {
  if (unsent_.empty() || clock_.Wall() < resend_at_) return;
  while (!unsent_.empty()) {
    if (!store_.TryPush(*unsent_.front())) return;
    unsent_.pop_front();
  }
}

bool Relay::StartAttempts() {
  const WallTime now = clock_.Wall();
  const uint32_t count = scheduler_.destination_count();
  size_t start_count = 0;
  // A message from each destination in its turn, so that none waits for another's line.
  for (uint32_t quiet_count = 0; quiet_count < count; ++quiet_count) {
    if (attempts_.size() >= options_.attempt_count_max) return false;  // a receipt or a link will wake us
    if (start_count == kStartsPerTurn) return true;
    const Scheduler::DestinationIndex destination = next_destination_;
    next_destination_ = (next_destination_ + 1) % count;
    std::optional<Scheduler::Item> item = scheduler_.TakeExpired(destination, now);
    const bool expired = item.has_value();
    if (!expired) item = scheduler_.TakeNext(destination, now);
    if (!item.has_value()) continue;
    StartAttempt(*item, destination, expired);
    ++start_count;
    quiet_count = UINT32_MAX;  // 0 after the increment: somebody had something
  }
  return false;
}

Relay::Answer Relay::Retry(MessageId message) { return StartOperation(message, true); }
Relay::Answer Relay::Delete(MessageId message) { return StartOperation(message, false); }

Relay::Answer Relay::StartOperation(MessageId message, bool retry) {
  const std::optional<MailState> queued = store_.Find(message);
  if (!queued.has_value()) return Answer::kNotFound;
  if (InWork(message) || operations_.size() == kOperationCountMax) return Answer::kBusy;
  auto operation = std::make_unique<Operation>();
  operation->retry = retry;
  EncodeOperation(*queued, retry, clock_.Wall(), operation->outcome);
  Handoff& handoff = operation->handoff;
  handoff.kind = HandoffKind::kOutcome;
  handoff.message = message;
  handoff.head = operation->outcome.bytes();
  handoff.home = &receipts_;
  operations_.emplace(&handoff, std::move(operation));
  unsent_.push_back(&handoff);
  SendOutcomes();
  return Answer::kStarted;
}

void Relay::ContinueRetryAll() {
  for (size_t i = 0; i < kRetriesPerTurn && retry_all_cursor_.has_value(); ++i) {
    if (operations_.size() == kOperationCountMax) return;
    const std::optional<MessageId> next = store_.Next(*retry_all_cursor_);
    if (next.has_value()) {
      Retry(*next);  // what is in work is being tried anyway
    } else {
      retry_all_cursor_.reset();
    }
  }
}

bool Relay::InWork(MessageId message) const {
  for (uint32_t i = 0; i < scheduler_.destination_count(); ++i) {
    if (attempts_.contains(Key{message.number, i})) return true;
  }
  return std::any_of(operations_.begin(), operations_.end(),
                     [message](const auto& entry) { return entry.first->message == message; });
}

Scheduler::DestinationIndex Relay::DestinationOf(std::string_view address) const {
  const std::string_view domain = DomainOf(address);
  return routes_.Find(domain.empty() ? std::string_view(options_.hostname) : domain).value_or(routes_.count());
}

std::vector<Scheduler::DestinationIndex> Relay::DestinationsOf(std::string_view bytes) const {
  std::vector<Scheduler::DestinationIndex> destinations;
  const std::optional<Envelope> envelope = ParseEnvelope(bytes);
  if (!envelope.has_value()) return {routes_.count()};  // the attempt will find out and tell
  for (const Recipient& recipient : envelope->recipients) {
    const Scheduler::DestinationIndex destination = DestinationOf(recipient.address);
    if (std::find(destinations.begin(), destinations.end(), destination) == destinations.end()) {
      destinations.push_back(destination);
    }
  }
  return destinations;
}

std::string Relay::DestinationName(Scheduler::DestinationIndex destination) const {
  if (destination == routes_.count()) return "no route";
  const Route& route = routes_.route(destination);
  if (route.kind == RouteKind::kMaildir) return absl::StrCat("maildir:", route.maildir);
  std::string name;
  for (const HostPort& host : route.next_hops) absl::StrAppend(&name, name.empty() ? "" : ",", host.ToString());
  return name;
}

}  // namespace postern
