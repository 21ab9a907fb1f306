// The half of Relay that makes attempts and notes their results.

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "relay/relay.h"

namespace postern {
namespace {

constexpr Duration kUntriedPause = std::chrono::seconds(10);
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

void Relay::StartAttempt(Scheduler::Item item, Scheduler::DestinationIndex destination, bool expired) {
  std::unique_ptr<Attempt> made = MakeAttempt(item, destination, expired);
  if (made == nullptr) return scheduler_.DropAttempt(destination);
  Attempt& attempt = *made;
  attempts_.emplace(Key{item.message.number, destination}, std::move(made));
  if (expired) {
    SettleAll(attempt, Fate::kDeferred, 0, "", absl::StrCat("expired: ", last_errors_[destination]));
    HandleAttemptDone(attempt, Scheduler::Finish::kNeither);
  } else if (destination == routes_.count()) {
    SettleAll(attempt, Fate::kDeferred, 450, "4.4.4", "no route for the recipient's domain");
    HandleAttemptDone(attempt, Scheduler::Finish::kNeither);
  } else if (routes_.route(destination).kind == RouteKind::kMaildir) {
    StartMailboxJobs(attempt, routes_.route(destination));
  } else {
    courier_.Start(attempt, routes_.route(destination), *this);
  }
}

std::unique_ptr<Attempt> Relay::MakeAttempt(Scheduler::Item item, Scheduler::DestinationIndex destination,
                                            bool expired) {
  if (attempts_.contains(Key{item.message.number, destination})) return nullptr;  // comes again when that is released
  const std::optional<MailState> queued = store_.Find(item.message);
  if (!queued.has_value()) return nullptr;
  const WallTime now = clock_.Wall();
  const bool any_time = item.forced || expired;
  WallTime earliest{INT64_MAX};
  for (const QueuedRecipient& status : queued->recipients) {
    if (Waits(status.state)) earliest = std::min(earliest, status.next_attempt);
  }
  if (earliest.us == INT64_MAX) return nullptr;
  if (!any_time && earliest > now) {  // the log knew better than the schedule: after a restart
    scheduler_.Add(destination, item.message, earliest);
    return nullptr;
  }
  absl::StatusOr<StoredMessage> stored = store_.Open(item.message);
  auto attempt = std::make_unique<Attempt>();
  std::optional<Envelope> envelope;
  const absl::Status read = stored.status();
  if (stored.ok()) {
    attempt->stored = *std::move(stored);
    envelope = ParseEnvelope(attempt->stored.envelope);
  }
  if (!envelope.has_value() || envelope->recipients.size() != queued->recipients.size()) {
    listener_.HandleDelivery({.kind = DeliveryEventKind::kReadFailed,
                              .message = item.message,
                              .text = read.ok() ? "the envelope is damaged" : read.message()});
    scheduler_.Add(destination, item.message, now + std::max(kReadPause, scheduler_.policy().Interval(1)));
    return nullptr;
  }
  attempt->message = item.message;
  attempt->destination = destination;
  attempt->envelope = *std::move(envelope);
  WallTime later{INT64_MAX};
  for (uint32_t i = 0; i < queued->recipients.size(); ++i) {
    const QueuedRecipient& status = queued->recipients[i];
    const Recipient& recipient = attempt->envelope.recipients[i];
    if (!Waits(status.state) || DestinationOf(recipient.address) != destination) continue;
    if (!any_time && status.next_attempt > now) {
      later = std::min(later, status.next_attempt);
      continue;
    }
    attempt->indices.push_back(i);
    attempt->attempt_counts.push_back(status.attempt_count);
    attempt->recipients.push_back(recipient);
  }
  attempt->next_attempt = later;
  if (!attempt->indices.empty()) return attempt;
  if (later.us != INT64_MAX) scheduler_.Add(destination, item.message, later);
  return nullptr;
}

void Relay::StartMailboxJobs(Attempt& attempt, const Route& route) {
  attempt.host = route.maildir;
  attempt.results.assign(attempt.indices.size(), {});
  std::unique_ptr<MailboxJob> job;
  for (uint32_t i = 0; i < attempt.indices.size(); ++i) {
    const std::string_view address = attempt.recipients[i].address;
    const std::string_view domain = DomainOf(address).empty() ? std::string_view(options_.hostname) : DomainOf(address);
    const absl::StatusOr<std::string> path = templates_[attempt.destination]->Expand(LocalPartOf(address), domain);
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
  if (attempt.mailbox_job_count == 0) return HandleAttemptDone(attempt, Scheduler::Finish::kNeither);
  TakeMailboxJobs();
}

// Takes what came home, gives what waits: each job with a reading of its own, opened as late as possible.
void Relay::TakeMailboxJobs() {
  const auto finish = [this](const MailboxJob& job) {
    Attempt& attempt = *attempts_.at(Key{job.message.number, job.tag});
    AddMailboxResults(attempt, job);
    if (--attempt.mailbox_job_count == 0) HandleAttemptDone(attempt, Scheduler::Finish::kNeither);
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

void Relay::HandleAttemptDone(Attempt& attempt, Scheduler::Finish finish) {
  CHECK(!attempt.answered);
  CHECK_EQ(attempt.results.size(), attempt.indices.size());
  attempt.answered = true;
  attempt.stored.body.reset();
  const WallTime now = clock_.Wall();
  // The place is free from here on; that the outcome is not in the log yet holds up nobody else.
  scheduler_.FinishAttempt(attempt.destination, finish, now);
  if (finish == Scheduler::Finish::kUnreachable) last_errors_[attempt.destination] = NoteText(attempt.results[0].reply);
  if (finish == Scheduler::Finish::kAnswered) last_errors_[attempt.destination].clear();
  attempt.texts.resize(attempt.results.size());
  attempt.outcome.Start();
  for (size_t i = 0; i < attempt.results.size(); ++i) attempt.outcome.Add(MakeOutcome(attempt, i, now));
  attempt.handoff.kind = HandoffKind::kOutcome;
  attempt.handoff.message = attempt.message;
  attempt.handoff.head = attempt.outcome.bytes();
  attempt.handoff.home = &receipts_;
  attempt.handoff.owner = &attempt;
  unsent_.push_back(&attempt.handoff);
  SendOutcomes();
}

RecipientOutcome Relay::MakeOutcome(Attempt& attempt, size_t i, WallTime now) {
  const RecipientResult& result = attempt.results[i];
  std::string& text = attempt.texts[i];
  text = NoteText(result.reply);
  RecipientOutcome outcome = {.recipient = attempt.indices[i], .reply = text};
  // The field is small; who has failed so often fails no better for being counted.
  outcome.attempt_count =
      static_cast<uint16_t>(std::min(attempt.attempt_counts[i] + (attempt.untried ? 0 : 1), 0xFFFF));
  DeliveryEventKind kind = DeliveryEventKind::kDelivered;
  switch (result.fate) {
    case Fate::kDelivered: outcome.state = RecipientState::kDelivered; break;
    case Fate::kRefused:
      outcome.state = RecipientState::kFailed;
      kind = DeliveryEventKind::kRejected;
      break;
    case Fate::kPending:
    case Fate::kDeferred: {
      const RetryPolicy& policy = scheduler_.policy();
      std::optional<WallTime> next = policy.NextAttempt(attempt.message.born(), attempt.attempt_counts[i] + 1u, now);
      if (attempt.untried && next.has_value()) next = now + kUntriedPause;
      if (next.has_value()) {
        outcome.state = RecipientState::kDeferred;
        outcome.next_attempt = *next;
        attempt.next_attempt = std::min(attempt.next_attempt, *next);
        kind = DeliveryEventKind::kDeferred;
      } else {
        outcome.state = RecipientState::kFailed;
        kind = DeliveryEventKind::kExpired;
      }
      break;
    }
  }
  listener_.HandleDelivery({.kind = kind,
                            .message = attempt.message,
                            .destination = DestinationName(attempt.destination),
                            .host = attempt.host,
                            .sender = attempt.envelope.sender,
                            .recipient = attempt.recipients[i].address,
                            .code = result.reply.code,
                            .text = text,
                            .size = attempt.stored.body_size,
                            .next_attempt = outcome.next_attempt});
  return outcome;
}

}  // namespace postern
