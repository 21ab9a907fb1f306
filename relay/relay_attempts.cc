// The part of Relay that makes attempts and notes their results.

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "relay/relay.h"
#include "relay/report_duty.h"
#include "smtp/noted_reply.h"

namespace postern {
namespace {

constexpr size_t kStartsPerTurn = 64;
constexpr Duration kUntriedPause = std::chrono::seconds(1);
constexpr Duration kReadPause = std::chrono::minutes(1);  // a message that could not be read may be moving just now

std::string NoteText(const ServerReply& reply) {
  std::string text;
  if (reply.code != 0) absl::StrAppend(&text, reply.code, " ");
  if (!reply.enhanced.empty()) absl::StrAppend(&text, reply.enhanced, " ");
  absl::StrAppend(&text, reply.text);
  return text.substr(0, kOutcomeReplySizeMax);
}

RecipientResult MailboxResult(const MailboxDelivery& delivery) {
  const absl::Status& status = delivery.result;
  if (status.ok()) {
    return {.fate = Fate::kDelivered, .reply = {.code = 250, .enhanced = "2.0.0", .text = "delivered"}};
  }
  const bool full = absl::IsResourceExhausted(status);
  return {.fate = Fate::kDeferred,
          .reply = {.code = static_cast<uint16_t>(full ? 452 : 451),
                    .enhanced = full ? "4.2.2" : "4.2.0",
                    .text = std::string(status.message())}};
}

}  // namespace

bool Relay::StartAttempts() {
  const WallTime now = clock_.Wall();
  for (size_t count = 0; count < kStartsPerTurn; ++count) {
    if (attempts_.size() >= options_.attempt_count_max) return false;  // a receipt or a link will wake us
    const std::optional<Scheduler::Start> start = scheduler_.TakeNext(now);
    if (!start.has_value()) return false;
    StartAttempt(*start);
  }
  return true;
}

void Relay::StartAttempt(const Scheduler::Start& start) {
  std::unique_ptr<Attempt> made = MakeAttempt(start.message, start.destination, start.forced);
  if (made == nullptr) return scheduler_.DropAttempt(start.destination);
  Attempt& attempt = *made;
  attempts_.emplace(Key{start.message.number, start.destination}, std::move(made));
  Carry(attempt);
}

void Relay::Carry(Attempt& attempt) {
  if (attempt.destination == book_.dead_letters()) return StartMailboxJobs(attempt, options_.dead_letters);
  if (attempt.route == nullptr) {
    SettleAll(attempt, Fate::kDeferred, 450, "4.4.4", "no route for the recipient's domain");
    return HandleAttemptDone(attempt, AttemptEnd::kNeither);
  }
  switch (attempt.route->kind) {
    case RouteKind::kMaildir: return StartMailboxJobs(attempt, attempt.route->maildir);
    case RouteKind::kNextHop:
    case RouteKind::kMx:
    case RouteKind::kLmtp: return courier_.Start(attempt, *this);
    case RouteKind::kReject: SettleAll(attempt, Fate::kRefused, 550, "5.7.1", attempt.route->reject_text); break;
    case RouteKind::kDiscard: SettleAll(attempt, Fate::kDelivered, 250, "2.0.0", "discarded"); break;
  }
  HandleAttemptDone(attempt, AttemptEnd::kAnswered);
}

// Null when there is nothing to try now; what is for later was scheduled. `any_time`: the due time does not count.
std::unique_ptr<Attempt> Relay::MakeAttempt(MessageId message, uint32_t destination, bool any_time) {
  const WallTime now = clock_.Wall();
  if (const auto under_way = attempts_.find(Key{message.number, destination}); under_way != attempts_.end()) {
    under_way->second->next_attempt = now;  // it comes again when that is released
    return nullptr;
  }
  const std::optional<MailState> queued = store_.Find(message);
  if (!queued.has_value()) return nullptr;
  // A report about it changes its state in a moment.
  if (reported_.contains(message.number) && destination != book_.dead_letters()) {
    scheduler_.Add(destination, message, now + kUntriedPause);
    return nullptr;
  }
  auto attempt = std::make_unique<Attempt>();
  WallTime later{INT64_MAX};
  for (uint32_t i = 0; i < queued->recipients.size(); ++i) {
    const QueuedRecipient& status = queued->recipients[i];
    if (status.destination != destination || !Tries(status)) continue;
    if (any_time || status.next_attempt <= now) {
      attempt->indices.push_back(i);
      attempt->before.push_back(status);
    } else {
      later = std::min(later, status.next_attempt);
    }
  }
  attempt->next_attempt = later;
  if (attempt->indices.empty()) {
    if (later.us != INT64_MAX) scheduler_.Add(destination, message, later);
    return nullptr;
  }
  absl::StatusOr<StoredMessage> stored = store_.Open(message);
  std::optional<Envelope> envelope;
  const absl::Status read = stored.status();
  if (stored.ok()) {
    attempt->stored = *std::move(stored);
    envelope = ParseEnvelope(attempt->stored.envelope);
  }
  if (!envelope.has_value() || envelope->recipients.size() != queued->recipients.size()) {
    listener_.HandleDelivery({.kind = DeliveryEventKind::kReadFailed,
                              .message = message,
                              .text = read.ok() ? "the envelope is damaged" : read.message()});
    scheduler_.Add(destination, message, now + std::max(kReadPause, PolicyOf(destination).Interval(1, message.number)));
    return nullptr;
  }
  attempt->message = message;
  attempt->destination = destination;
  attempt->route = RouteOf(destination);
  attempt->domain = book_.entry(destination).domain;
  attempt->envelope = *std::move(envelope);
  for (const uint32_t index : attempt->indices) attempt->recipients.push_back(attempt->envelope.recipients[index]);
  return attempt;
}

// Whether an attempt is made for the recipient, now or later: a dead letter has failed before.
bool Relay::Tries(const QueuedRecipient& recipient) const {
  if (recipient.destination == book_.dead_letters()) return recipient.state == RecipientState::kFailed;
  return Waits(recipient.state);
}

// The time of the recipients that wait there is over: they are settled without another try.
void Relay::Expire(MessageId message, uint32_t destination) {
  std::unique_ptr<Attempt> made = MakeAttempt(message, destination, true);
  if (made == nullptr) return;
  Attempt& attempt = *made;
  attempts_.emplace(Key{message.number, destination}, std::move(made));
  const std::string last = store_.LastText(message, attempt.indices.front());
  const std::string& why = places_[destination].last_error.empty() ? last : places_[destination].last_error;
  SettleAll(attempt, Fate::kDeferred, 0, "", why);
  NoteResults(attempt);
}

void Relay::StartMailboxJobs(Attempt& attempt, const std::string& place) {
  attempt.host = place;
  const std::optional<MaildirTemplate>& maildir =
      attempt.route == nullptr ? templates_.back() : templates_[book_.entry(attempt.destination).route];
  attempt.results.assign(attempt.indices.size(), {});
  std::unique_ptr<MailboxJob> job;
  for (uint32_t i = 0; i < attempt.indices.size(); ++i) {
    const std::string_view address = attempt.recipients[i].address;
    const std::string_view domain = DomainOf(address).empty() ? std::string_view(options_.hostname) : DomainOf(address);
    const absl::StatusOr<std::string> path = maildir->Expand(LocalPartOf(address), domain);
    if (!path.ok()) {
      attempt.results[i] = {.fate = Fate::kRefused,
                            .reply = {.code = 550, .enhanced = "5.1.3", .text = std::string(path.status().message())}};
      continue;
    }
    if (job == nullptr) {
      job = std::make_unique<MailboxJob>();
      job->message = attempt.message;
      job->sender = attempt.envelope.sender;
      job->tag = attempt.destination;
      ++attempt.mailbox_job_count;
    }
    job->deliveries.push_back({.recipient_index = attempt.indices[i], .path = *path, .address = std::string(address)});
    if (job->deliveries.size() == kMailboxDeliveriesPerJobMax) jobs_.push_back(std::exchange(job, nullptr));
  }
  if (job != nullptr) jobs_.push_back(std::move(job));
  if (attempt.mailbox_job_count == 0) return HandleAttemptDone(attempt, AttemptEnd::kNeither);
  TakeMailboxJobs();
}

// Takes what came home, gives what waits: each job with a reading of its own, opened as late as possible.
void Relay::TakeMailboxJobs() {
  const auto finish = [this](const MailboxJob& job) {
    Attempt& attempt = *attempts_.at(Key{job.message.number, job.tag});
    AddMailboxResults(attempt, job);
    if (--attempt.mailbox_job_count == 0) HandleAttemptDone(attempt, AttemptEnd::kNeither);
  };
  while (const std::unique_ptr<MailboxJob> job = mailboxes_.TryTakeDone()) finish(*job);
  while (!jobs_.empty()) {
    std::unique_ptr<MailboxJob> job = std::move(jobs_.front());
    jobs_.pop_front();
    Attempt& attempt = *attempts_.at(Key{job->message.number, job->tag});
    if (job->body == nullptr) job->body = std::move(attempt.stored.body);  // the first job takes what is open already
    if (job->body == nullptr) {
      absl::StatusOr<StoredMessage> again = store_.Open(job->message);
      if (!again.ok()) {
        for (MailboxDelivery& delivery : job->deliveries) delivery.result = again.status();
        finish(*job);
        continue;
      }
      job->body = std::move(again->body);
    }
    if (!mailboxes_.TryPush(job)) {
      jobs_.push_front(std::move(job));
      return;
    }
    mailboxes_.Wake();
  }
}

void Relay::AddMailboxResults(Attempt& attempt, const MailboxJob& job) {
  for (const MailboxDelivery& delivery : job.deliveries) {
    const auto place = std::lower_bound(attempt.indices.begin(), attempt.indices.end(), delivery.recipient_index);
    attempt.results[static_cast<size_t>(place - attempt.indices.begin())] = MailboxResult(delivery);
  }
}

void Relay::SettleAll(Attempt& attempt, Fate fate, uint16_t code, std::string_view enhanced, std::string_view text) {
  const RecipientResult result = {
      .fate = fate, .reply = {.code = code, .enhanced = std::string(enhanced), .text = std::string(text)}};
  attempt.results.assign(attempt.indices.size(), result);
}

void Relay::HandleAttemptDone(Attempt& attempt, AttemptEnd end) {
  const WallTime now = clock_.Wall();
  // The place is free from here on; that the outcome is not in the log yet holds up nobody else.
  switch (end) {
    case AttemptEnd::kUntried:
      scheduler_.PutBack({.destination = attempt.destination, .message = attempt.message}, now + kUntriedPause);
      attempts_.erase(Key{attempt.message.number, attempt.destination});
      return;
    case AttemptEnd::kAnswered:
      places_[attempt.destination].last_error.clear();
      scheduler_.FinishAttempt(attempt.destination, Scheduler::Finish::kAnswered, now);
      break;
    case AttemptEnd::kUnreachable:
      places_[attempt.destination].last_error = NoteText(attempt.results.front().reply);
      scheduler_.FinishAttempt(attempt.destination, Scheduler::Finish::kUnreachable, now);
      break;
    case AttemptEnd::kNeither: scheduler_.FinishAttempt(attempt.destination, Scheduler::Finish::kNeither, now); break;
  }
  NoteResults(attempt);
}

void Relay::NoteResults(Attempt& attempt) {
  CHECK(!attempt.answered);
  CHECK_EQ(attempt.results.size(), attempt.indices.size());
  attempt.answered = true;
  attempt.stored.body.reset();
  const WallTime now = clock_.Wall();
  attempt.texts.resize(attempt.results.size());
  attempt.outcome.Start();
  for (size_t i = 0; i < attempt.results.size(); ++i) attempt.outcome.Add(MakeOutcome(attempt, i, now));
  attempt.handoff.message = attempt.message;
  attempt.handoff.head = attempt.outcome.bytes();
  attempt.handoff.owner = &attempt;
  post_.Send(attempt.handoff);
}

RecipientOutcome Relay::MakeOutcome(Attempt& attempt, size_t i, WallTime now) {
  const RecipientResult& result = attempt.results[i];
  const QueuedRecipient& before = attempt.before[i];
  const Recipient& recipient = attempt.recipients[i];
  std::string& text = attempt.texts[i];
  text = NoteText(result.reply);
  RecipientOutcome outcome = {.recipient = attempt.indices[i], .reply = text};
  // The field is small; who has failed so often fails no better for being counted.
  outcome.attempt_count = static_cast<uint16_t>(std::min(before.attempt_count + 1, 0xFFFF));
  DeliveryEventKind kind = DeliveryEventKind::kDelivered;
  const bool dead_letter = attempt.destination == book_.dead_letters();
  // Who need not be told is done with; a dead letter is told nobody.
  const auto fail = [&](DeliveryEventKind event) {
    const bool told = FailureDuty(attempt.envelope, recipient) == Duty::kNone && !IsCopied(attempt.envelope, text);
    outcome.state = told ? RecipientState::kBounced : RecipientState::kFailed;
    kind = event;
  };
  const auto defer = [&](WallTime next, RecipientState state) {
    outcome.state = state;
    outcome.next_attempt = next;
    attempt.next_attempt = std::min(attempt.next_attempt, next);
    kind = DeliveryEventKind::kDeferred;
  };
  if (dead_letter && result.fate == Fate::kDelivered) {
    outcome.state = RecipientState::kBounced;
    kind = DeliveryEventKind::kDeadLetter;
  } else if (dead_letter) {
    defer(now + PolicyOf(attempt.destination).Interval(outcome.attempt_count, attempt.message.number),
          RecipientState::kFailed);
  } else if (result.fate == Fate::kDelivered) {
    const bool owes = OwesSuccess(attempt.envelope, recipient) && !result.peer_reports;
    outcome.state = owes ? RecipientState::kArrived : RecipientState::kDelivered;
  } else if (result.fate == Fate::kRefused) {
    fail(DeliveryEventKind::kRejected);
  } else {
    const Priority priority = PriorityOf(attempt.envelope.flags);
    const std::optional<WallTime> next =
        PolicyOf(attempt.destination).NextAttempt(attempt.message, priority, outcome.attempt_count, now);
    if (next.has_value()) {
      defer(*next, before.state == RecipientState::kDelayed ? RecipientState::kDelayed : RecipientState::kDeferred);
    } else {
      text = absl::StrCat(kExpiredPrefix, text).substr(0, kOutcomeReplySizeMax);
      outcome.reply = text;
      fail(DeliveryEventKind::kExpired);
    }
  }
  listener_.HandleDelivery({.kind = kind,
                            .message = attempt.message,
                            .destination = book_.entry(attempt.destination).name,
                            .host = attempt.host,
                            .sender = attempt.envelope.sender,
                            .recipient = recipient.address,
                            .code = result.reply.code,
                            .text = text,
                            .size = attempt.stored.body_size,
                            .next_attempt = outcome.next_attempt});
  return outcome;
}

}  // namespace postern
