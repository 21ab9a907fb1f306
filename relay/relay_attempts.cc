// The part of Relay that makes attempts and notes their results.

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "relay/relay.h"
#include "relay/verdict.h"
#include "smtp/address.h"

namespace postern {
namespace {

constexpr size_t kStartsPerTurn = 64;
constexpr size_t kNoteSizeMax = 128 * 1024;  // of one outcome, nearly
constexpr Duration kUntriedPause = std::chrono::seconds(1);
constexpr Duration kReadPause = std::chrono::minutes(1);  // a message that could not be read may be moving just now

// A result in which we speak ourselves: without the code of a peer.
RecipientResult Ours(Fate fate, std::string_view enhanced, std::string_view text) {
  return {.fate = fate, .reply = {.code = 0, .enhanced = std::string(enhanced), .text = std::string(text)}};
}

RecipientResult MailboxResult(const MailboxDelivery& delivery) {
  const absl::Status& status = delivery.result;
  if (status.ok()) return Ours(Fate::kDelivered, "2.0.0", "delivered");
  return Ours(Fate::kDeferred, absl::IsResourceExhausted(status) ? "4.2.2" : "4.2.0", status.message());
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
  const WorkScope work(options_.slot, WorkStage::kRelaying, start.message);
  const Occasion occasion = start.forced ? Occasion::kForced : Occasion::kDue;
  Attempt* const attempt = MakeAttempt(start.message, start.destination, occasion);
  if (attempt == nullptr) return scheduler_.DropAttempt(start.destination);
  Carry(*attempt);
}

void Relay::Carry(Attempt& attempt) {
  const auto settle = [&](Fate fate, std::string_view enhanced, std::string_view text, AttemptEnd end) {
    attempt.results.assign(attempt.indices.size(), Ours(fate, enhanced, text));
    HandleAttemptDone(attempt, end);
  };
  if (attempt.destination == book_.dead_letters()) return StartMailboxJobs(attempt, options_.dead_letters);
  if (attempt.route == nullptr) {
    return settle(Fate::kDeferred, "4.4.4", "no route for the recipient's domain", AttemptEnd::kNeither);
  }
  const Route& route = *attempt.route;
  if (route.message_size_max != 0 && attempt.stored.body_size > route.message_size_max) {
    return settle(Fate::kRefused, "5.3.4",
                  absl::StrCat("the message is larger than the ", route.message_size_max, " bytes that this way takes"),
                  AttemptEnd::kNeither);
  }
  switch (route.kind) {
    case RouteKind::kMaildir: return StartMailboxJobs(attempt, route.maildir);
    case RouteKind::kNextHop:
    case RouteKind::kMx:
    case RouteKind::kLmtp: return courier_.Start(attempt, *this);
    case RouteKind::kReject: return settle(Fate::kRefused, "5.7.1", route.reject_text, AttemptEnd::kAnswered);
    case RouteKind::kDiscard: return settle(Fate::kDelivered, "2.0.0", "discarded", AttemptEnd::kAnswered);
  }
}

// Null when there is nothing to try now; what is for later was scheduled, unless the message has expired: the rounds
// find it again.
Attempt* Relay::MakeAttempt(MessageId message, uint32_t destination, Occasion occasion) {
  const WallTime now = clock_.Wall();
  const auto again_at = [&](WallTime time) -> Attempt* {
    if (occasion != Occasion::kExpired) scheduler_.Add(destination, message, time);
    return nullptr;
  };
  const Key key = {message.number, destination};
  if (const auto under_way = attempts_.find(key); under_way != attempts_.end()) {
    if (occasion != Occasion::kExpired) under_way->second->next_attempt = now;  // it comes again when that is released
    return nullptr;
  }
  const std::optional<MailState> queued = store_.Find(message);
  if (!queued.has_value()) return nullptr;
  // A report about it, or a wish, changes its state in a moment.
  const bool changes = reported_.contains(message.number) || operations_.WorksOn(message);
  if (changes && destination != book_.dead_letters()) return again_at(now + kUntriedPause);
  auto attempt = std::make_unique<Attempt>();
  WallTime later{INT64_MAX};
  for (uint32_t i = 0; i < queued->recipients.size(); ++i) {
    const QueuedRecipient& status = queued->recipients[i];
    if (status.destination != destination || !Tries(status)) continue;
    // What was noted before the clock was set back is due by the clock of that time.
    const WallTime due = status.next_attempt + -scheduler_.set_back();
    // And before an earlier life's clock was: farther off than the pause that it was noted for.
    const bool astray = due > now + PolicyOf(destination).Interval(status.attempt_count, message.number);
    if (occasion != Occasion::kDue || due <= now || astray) {
      attempt->indices.push_back(i);
      attempt->before.push_back(status);
    } else {
      later = std::min(later, due);
    }
  }
  attempt->next_attempt = later;
  if (attempt->indices.empty()) return later.us == INT64_MAX ? nullptr : again_at(later);
  if (const absl::Status read = Load(*attempt, *queued); !read.ok()) {
    listener_.HandleDelivery({.kind = DeliveryEventKind::kReadFailed, .message = message, .text = read.message()});
    return again_at(now + std::max(kReadPause, PolicyOf(destination).Interval(1, message.number)));
  }
  attempt->message = message;
  attempt->destination = destination;
  attempt->route = RouteOf(destination);
  attempt->domain = book_.entry(destination).domain;
  attempt->noted.resize(attempt->indices.size());
  return attempts_.emplace(key, std::move(attempt)).first->second.get();
}

absl::Status Relay::Load(Attempt& attempt, const MailState& queued) {
  absl::StatusOr<StoredMessage> stored = store_.Open(queued.id);
  if (!stored.ok()) return stored.status();
  attempt.stored = *std::move(stored);
  std::optional<Envelope> envelope = ParseEnvelope(attempt.stored.envelope);
  if (!envelope.has_value() || envelope->recipients.size() != queued.recipients.size()) {
    return absl::DataLossError("the envelope is damaged");
  }
  attempt.envelope = *std::move(envelope);
  for (const uint32_t index : attempt.indices) attempt.recipients.push_back(attempt.envelope.recipients[index]);
  return absl::OkStatus();
}

// Whether an attempt is made for the recipient, now or later: a dead letter has failed before.
bool Relay::Tries(const QueuedRecipient& recipient) const {
  if (recipient.destination == book_.dead_letters()) return recipient.state == RecipientState::kFailed;
  return Waits(recipient.state);
}

// The time of the recipients that wait there is over, and their destination is down: they are settled without another
// try. Where it is up their own turn comes, and where nothing is sent in this mode of transfer time stands still.
void Relay::Expire(MessageId message, uint32_t destination) {
  if (scheduler_.view(destination).failure_count == 0) return;
  Attempt* const attempt = MakeAttempt(message, destination, Occasion::kExpired);
  if (attempt == nullptr) return;
  std::string why = places_[destination].last_error;
  if (why.empty()) why = store_.LastText(message, attempt->indices.front());
  attempt->results.assign(attempt->indices.size(), Ours(Fate::kDeferred, "", why));
  NoteAll(*attempt);
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
      attempt.results[i] = Ours(Fate::kRefused, "5.1.3", path.status().message());
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
  if (attempt.mailbox_job_count == 0) return HandleAttemptDone(attempt, AttemptEnd::kAnswered);
  TakeMailboxJobs();
}

// Takes what came home, gives what waits: each job with a reading of its own, opened as late as possible.
void Relay::TakeMailboxJobs() {
  const auto finish = [this](const MailboxJob& job) {
    const WorkScope work(options_.slot, WorkStage::kRelaying, job.message);
    Attempt& attempt = *attempts_.at(Key{job.message.number, job.tag});
    if (!job.read.ok()) {
      listener_.HandleDelivery(
          {.kind = DeliveryEventKind::kReadFailed, .message = job.message, .text = job.read.message()});
    }
    AddMailboxResults(attempt, job);
    if (--attempt.mailbox_job_count > 0) return HandleProgress(attempt);
    HandleAttemptDone(attempt, AttemptEnd::kAnswered);
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
      places_[attempt.destination].last_error = NoteOf(attempt.results.front().reply);
      scheduler_.FinishAttempt(attempt.destination, Scheduler::Finish::kUnreachable, now);
      break;
    case AttemptEnd::kNeither: scheduler_.FinishAttempt(attempt.destination, Scheduler::Finish::kNeither, now); break;
  }
  NoteAll(attempt);
}

void Relay::HandleProgress(Attempt& attempt) { Note(attempt, /*over=*/false); }

void Relay::NoteAll(Attempt& attempt) {
  CHECK(!attempt.answered);
  CHECK_EQ(attempt.results.size(), attempt.indices.size());
  attempt.answered = true;
  attempt.stored.body.reset();
  Note(attempt, /*over=*/true);
}

// Who is settled is noted at once: a kill in the middle of a long attempt must not send to him again. The others are
// noted when it is over. Each piece is small, so that it fits a segment.
void Relay::Note(Attempt& attempt, bool over) {
  const WallTime now = clock_.Wall();
  const auto is_copied = [&](std::string_view note) { return IsCopied(attempt.envelope, note); };
  const Court court = {.head = attempt.envelope,
                       .message = attempt.message,
                       .policy = PolicyOf(attempt.destination),
                       .now = now,
                       .is_copied = is_copied};
  AttemptNote* note = nullptr;
  const auto send = [&] {
    if (note == nullptr) return;
    note->handoff.message = attempt.message;
    note->handoff.head = note->outcome.bytes();
    note->handoff.owner = &attempt;
    ++attempt.notes_away;
    post_.Send(std::exchange(note, nullptr)->handoff);
  };
  for (size_t i = 0; i < attempt.results.size(); ++i) {
    const RecipientResult& result = attempt.results[i];
    const bool settled = result.fate == Fate::kDelivered || result.fate == Fate::kRefused;
    if (attempt.noted[i] || !(over || settled)) continue;
    attempt.noted[i] = true;
    const Verdict verdict = attempt.destination == book_.dead_letters()
                                ? JudgeDeadLetter(court, attempt.before[i], result)
                                : Judge(court, attempt.recipients[i], attempt.before[i], result);
    if (verdict.next_attempt != WallTime{}) attempt.next_attempt = std::min(attempt.next_attempt, verdict.next_attempt);
    if (note == nullptr) {
      note = &attempt.notes.emplace_back();
      note->outcome.Start();
    }
    note->outcome.Add({.recipient = attempt.indices[i],
                       .state = verdict.state,
                       .attempt_count = CountAttempt(attempt.before[i]),
                       .next_attempt = verdict.next_attempt,
                       .reply = Settled(verdict.state) ? std::string_view() : std::string_view(verdict.note)});
    Tell(attempt, i, verdict);
    if (note->outcome.bytes().size() >= kNoteSizeMax) send();
  }
  send();
}

void Relay::Tell(const Attempt& attempt, size_t i, const Verdict& verdict) {
  listener_.HandleDelivery({.kind = verdict.kind,
                            .message = attempt.message,
                            .destination = book_.entry(attempt.destination).name,
                            .host = attempt.host,
                            .sender = attempt.envelope.sender,
                            .recipient = attempt.recipients[i].address,
                            .code = attempt.results[i].reply.code,
                            .text = verdict.note,
                            .size = attempt.stored.body_size,
                            .next_attempt = verdict.next_attempt});
}

}  // namespace postern
