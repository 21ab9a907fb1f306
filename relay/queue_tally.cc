#include "relay/queue_tally.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace postern {
namespace {

size_t TotalOf(const auto& tally) { return std::accumulate(tally.counts.begin(), tally.counts.end(), size_t{0}); }

}  // namespace

bool QueueTally::Step(size_t place_count) {
  return store_.Walk(cursor_, place_count, [this](const MailView& mail) { Count(mail); });
}

void QueueTally::Count(const MailView& mail) {
  for (uint32_t i = 0; i < mail.recipients.size(); ++i) {
    const QueuedRecipient& recipient = mail.recipients[i];
    if (Settled(recipient.state) || recipient.destination >= book_.count()) continue;
    if (recipient.destination >= tallies_.size()) tallies_.resize(book_.count());
    Tally& tally = tallies_[recipient.destination];

    const bool was_tried = recipient.state == RecipientState::kDeferred || recipient.state == RecipientState::kDelayed;
    const Column column = recipient.state == RecipientState::kWaiting ? kWaitingColumn
                          : IsHeld(recipient.state)                   ? kHeldColumn
                          : was_tried                                 ? kDeferredColumn
                                                                      : kReportColumn;
    if (tally.last[column] != mail.id) {
      tally.last[column] = mail.id;
      ++tally.counts[column];
    }
    if (tally.oldest == MessageId{} || mail.id < tally.oldest) tally.oldest = mail.id;
    const bool has_reply = was_tried || recipient.state == RecipientState::kFailed;
    if (has_reply && recipient.next_attempt >= tally.sample_attempt) {
      tally.sample = mail.id;
      tally.sample_recipient = i;
      tally.sample_attempt = recipient.next_attempt;
    }
  }
}

void QueueTally::Rank(std::optional<std::vector<DestinationStatus>> statuses) {
  statuses_ = std::move(statuses);
  if (statuses_.has_value()) std::ranges::sort(*statuses_, {}, &DestinationStatus::destination);
  for (uint32_t i = 0; i < tallies_.size(); ++i) {
    if (TotalOf(tallies_[i]) > 0) ranks_.push_back(i);
  }
  std::ranges::stable_sort(ranks_, std::greater(), [this](uint32_t i) { return TotalOf(tallies_[i]); });
}

const DestinationStatus* QueueTally::StatusOf(uint32_t destination) const {
  const auto status = std::ranges::lower_bound(*statuses_, destination, {}, &DestinationStatus::destination);
  return status != statuses_->end() && status->destination == destination ? &*status : nullptr;
}

std::optional<DestinationView> QueueTally::Next() {
  // What was removed since the last step has nothing in the queue any more.
  while (told_count_ < ranks_.size() && !book_.entry(ranks_[told_count_]).used) ++told_count_;
  if (told_count_ == ranks_.size()) return std::nullopt;
  const uint32_t destination = ranks_[told_count_++];
  const Tally& tally = tallies_[destination];
  DestinationView view{.name = book_.entry(destination).name,
                       .waiting_count = tally.counts[kWaitingColumn],
                       .deferred_count = tally.counts[kDeferredColumn],
                       .held_count = tally.counts[kHeldColumn],
                       .report_due_count = tally.counts[kReportColumn],
                       .oldest = tally.oldest.born()};
  if (statuses_.has_value()) {
    view.live.emplace();
    if (const DestinationStatus* status = StatusOf(destination); status != nullptr) {
      view.live = {.active_count = status->active_count, .down = status->down, .probe_at = status->probe_at};
      view.last_error = status->last_error;
    }
  }
  if (view.last_error.empty() && tally.sample != MessageId{}) {
    view.last_error = store_.LastText(tally.sample, tally.sample_recipient);
  }
  return view;
}

}  // namespace postern
