// The part of Relay that has people told: which reports are due, and what becomes of letters that nobody can be told
// of.

#include <algorithm>
#include <array>
#include <utility>

#include "core/envelope.h"
#include "relay/relay.h"
#include "relay/report_duty.h"

namespace postern {
namespace {

// Requests that wait for the reporter. The rounds find what was not asked for.
constexpr size_t kRequestCountMax = 256;
constexpr size_t kRoundStepsPerTurn = 8;

const char* Words(ReportKind kind) {
  switch (kind) {
    case ReportKind::kFailure: return "failure";
    case ReportKind::kDelay: return "delay";
    case ReportKind::kSuccess: return "success";
  }
  return "";
}

}  // namespace

// What is found needs room to be seen to; without it the round stands still, and goes on in a later turn.
bool Relay::RoundsStandStill() const {
  return requests_.size() >= kRequestCountMax || attempts_.size() >= options_.attempt_count_max;
}

bool Relay::ContinueRounds() {
  const WallTime now = clock_.Wall();
  for (size_t steps = 0;;) {
    for (; !findings_.empty(); findings_.pop_front()) {
      if (RoundsStandStill()) return false;  // a receipt will wake us
      SeeTo(findings_.front());
    }
    if (steps++ == kRoundStepsPerTurn) break;
    if (!rounds_.under_way() && now < rounds_.next_turn()) break;
    const std::vector<QueueRounds::Finding> found = rounds_.Step(now);
    findings_.assign(found.begin(), found.end());
  }
  RemoveUnused();
  return rounds_.under_way();
}

void Relay::SeeTo(const QueueRounds::Finding& finding) {
  const WorkScope work(options_.slot, WorkStage::kReporting, finding.message);
  switch (finding.what) {
    case RoundFinding::kReportDue: return ReportWhatIsDue(finding.message, nullptr);
    case RoundFinding::kDelayDue: return ReportDelay(finding.message, finding.destination);
    case RoundFinding::kExpired: return Expire(finding.message, finding.destination);
  }
}

// Recipients of the message have failed, or have arrived: those of all destinations are told together, as far as
// nothing is under way there. `attempt` is the one through which, when that was just now: it knows who said so.
void Relay::ReportWhatIsDue(MessageId message, const Attempt* attempt) {
  if (reported_.contains(message.number) || operations_.WorksOn(message)) return;
  const std::optional<MailState> queued = store_.Find(message);
  const auto is_due = [&](const QueuedRecipient& recipient) {
    if (recipient.state != RecipientState::kFailed && recipient.state != RecipientState::kArrived) return false;
    const auto under_way = attempts_.find(Key{message.number, recipient.destination});
    return under_way == attempts_.end() || under_way->second.get() == attempt;
  };
  if (!queued.has_value() || std::none_of(queued->recipients.begin(), queued->recipients.end(), is_due)) return;
  const std::optional<ReadEnvelope> read = Read(*queued);
  if (!read.has_value()) return;
  std::vector<ReportRequest> requests;  // one for all who are told the same
  std::vector<RecipientOutcome> untold;
  for (uint32_t i = 0; i < queued->recipients.size(); ++i) {
    const QueuedRecipient& recipient = queued->recipients[i];
    if (!is_due(recipient)) continue;
    ReportedRecipient reported = {.index = i, .action = ActionOf(recipient), .note = store_.LastText(message, i)};
    if (attempt != nullptr && attempt->destination == recipient.destination) {
      reported.remote_host = attempt->remote;
      reported.last_attempt = clock_.Wall();
    }
    ReportKind kind = ReportKind::kFailure;
    ReportTo to = ReportTo::kSender;
    if (recipient.state == RecipientState::kArrived) {
      kind = ReportKind::kSuccess;
    } else {
      switch (FailureDuty(read->envelope, read->envelope.recipients[i])) {
        case Duty::kReport: break;
        case Duty::kPostmaster: to = ReportTo::kPostmaster; break;
        case Duty::kDeadLetter: BuryLetter(message, i, recipient); continue;
        case Duty::kNone:
          to = ReportTo::kAdministrator;
          if (IsCopied(read->envelope, reported.note)) break;
          untold.push_back({.recipient = i, .state = RecipientState::kBounced});
          continue;
      }
    }
    auto same = std::find_if(requests.begin(), requests.end(),
                             [&](const ReportRequest& request) { return request.kind == kind && request.to == to; });
    if (same == requests.end()) {
      requests.push_back({.about = message, .kind = kind, .to = to});
      same = requests.end() - 1;
    }
    same->recipients.push_back(std::move(reported));
  }
  if (!untold.empty() && requests.empty()) operations_.Note(message, untold);
  for (ReportRequest& request : requests) Request(std::move(request));
}

// Whether the administrator is to see a failure of which the sender wants to hear nothing. Not one of a copy that was
// sent to him: the next copy would fail as well, and so on for ever.
bool Relay::IsCopied(const EnvelopeHead& head, std::string_view note) const {
  return (head.flags & (kEnvelopeReport | kEnvelopeLastReport)) == 0 && reporter_.Copies(note);
}

std::optional<Relay::ReadEnvelope> Relay::Read(const MailState& queued) {
  absl::StatusOr<StoredMessage> stored = store_.Open(queued.id);
  if (!stored.ok()) return std::nullopt;
  ReadEnvelope read;
  read.bytes = std::make_unique<std::string>(std::move(stored->envelope));
  std::optional<Envelope> envelope = ParseEnvelope(*read.bytes);
  if (!envelope.has_value() || envelope->recipients.size() != queued.recipients.size()) return std::nullopt;
  read.envelope = *std::move(envelope);
  return read;
}

ReportedAction Relay::ActionOf(const QueuedRecipient& recipient) const {
  if (recipient.state == RecipientState::kFailed) return ReportedAction::kFailed;
  const Route* const route = RouteOf(recipient.destination);
  const bool onward = route != nullptr && (route->kind == RouteKind::kMx || route->kind == RouteKind::kNextHop);
  return onward ? ReportedAction::kRelayed : ReportedAction::kDelivered;
}

void Relay::ReportDelay(MessageId message, uint32_t destination) {
  if (InWork(message)) return;
  const std::optional<MailState> queued = store_.Find(message);
  if (!queued.has_value()) return;
  const std::optional<ReadEnvelope> read = Read(*queued);
  if (!read.has_value()) return;
  ReportRequest request = {.about = message, .kind = ReportKind::kDelay};
  std::vector<RecipientOutcome> untold;
  const WallTime until = PolicyOf(destination).Expiry(message, PriorityOf(queued->flags));
  for (uint32_t i = 0; i < queued->recipients.size(); ++i) {
    const QueuedRecipient& recipient = queued->recipients[i];
    const bool waits = Waits(recipient.state) && recipient.state != RecipientState::kDelayed;
    if (recipient.destination != destination || !waits) continue;
    if (!OwesDelay(read->envelope, read->envelope.recipients[i])) {
      untold.push_back({.recipient = i,
                        .state = RecipientState::kDelayed,
                        .attempt_count = recipient.attempt_count,
                        .next_attempt = recipient.next_attempt});
      continue;
    }
    std::string note = store_.LastText(message, i);
    if (note.empty()) note = places_[destination].last_error;
    request.recipients.push_back({.index = i,
                                  .action = ReportedAction::kDelayed,
                                  .note = std::move(note),
                                  .retry_until = until,
                                  .attempt_count = recipient.attempt_count,
                                  .next_attempt = recipient.next_attempt});
  }
  // Who asked not to be told is marked as told, so that nobody looks again; in a later round when others are told now.
  if (!request.recipients.empty()) {
    Request(std::move(request));
  } else if (!untold.empty()) {
    operations_.Note(message, untold);
  }
}

// Nobody can be told: it goes where an operator finds it.
void Relay::BuryLetter(MessageId message, uint32_t recipient, const QueuedRecipient& status) {
  const uint32_t dead_letters = book_.dead_letters();
  if (status.destination == dead_letters) return;  // on its way there
  store_.SetDestination(message, recipient, dead_letters);
  scheduler_.Add(dead_letters, message, WallTime{});
}

// Without room for it the next round finds it again.
void Relay::Request(ReportRequest request) {
  if (requests_.size() >= kRequestCountMax) return;
  ++reported_[request.about.number];
  requests_.push_back(std::move(request));
}

void Relay::StartReports() {
  while (!requests_.empty() && reporter_.TryStart(std::move(requests_.front()))) requests_.pop_front();
}

// The log says now that `about` was reported on. What has failed meanwhile is told next.
void Relay::FinishReport(const DoneReport& done) {
  const auto count = reported_.find(done.about.number);
  if (--count->second > 0) return;
  reported_.erase(count);
  if (stopping_ || !done.made) return;  // one that could not be made is found in the next round
  ReportWhatIsDue(done.about, nullptr);
}

void Relay::HandleReported(const ReportRequest& request, const ReportResult& result) {
  const bool made = result.report.number != 0;
  reports_done_.push_back({.about = request.about, .made = made});
  listener_.HandleDelivery({.kind = made ? DeliveryEventKind::kReported : DeliveryEventKind::kReportFailed,
                            .message = request.about,
                            .report = result.report,
                            .recipient = result.to,
                            .text = made ? std::string_view(Words(request.kind)) : result.reason});
}

}  // namespace postern
