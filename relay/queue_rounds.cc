#include "relay/queue_rounds.h"

#include <algorithm>
#include <utility>

namespace postern {
namespace {

constexpr Duration kPauseMin = std::chrono::milliseconds(50);
constexpr int kRoundsPerTime = 20;  // what a policy asks for is late by a twentieth at most

Duration ShortestTime(const RetryPolicy& policy) {
  Duration shortest = policy.expiry;
  if (policy.by_priority) shortest = std::min({shortest, policy.expiry_urgent, policy.expiry_non_urgent});
  return policy.delay_notice > Duration::zero() ? std::min(shortest, policy.delay_notice) : shortest;
}

Duration ChoosePause(const RouteTable& routes, const RetryPolicy& otherwise) {
  Duration shortest = ShortestTime(otherwise);
  for (uint32_t i = 0; i < routes.count(); ++i) shortest = std::min(shortest, ShortestTime(routes.route(i).retry));
  return std::clamp(shortest / kRoundsPerTime, kPauseMin, QueueRounds::kPauseMax);
}

}  // namespace

QueueRounds::QueueRounds(MailStore& store, const DestinationBook& book, const RouteTable& routes,
                         const RetryPolicy& otherwise)
    : store_(store), book_(book), routes_(routes), otherwise_(otherwise), pause_(ChoosePause(routes, otherwise)) {}

std::vector<QueueRounds::Finding> QueueRounds::Step(WallTime now) {
  std::vector<Finding> findings;
  if (!under_way_) {
    // A longer pause than ours is a clock that was set back.
    if (now < begins_at_ && begins_at_ <= now + pause_) return findings;
    under_way_ = true;
    cursor_ = 0;
    // Destinations that appear from here on are used, although this round may not see them.
    used_.assign(book_.count(), false);
  }
  under_way_ = store_.Walk(cursor_, kPlaceCountMax, [&](const MailView& mail) { Look(mail, now, findings); });
  if (under_way_) return findings;
  begins_at_ = now + pause_;
  for (uint32_t i = 0; i < used_.size(); ++i) {
    if (!used_[i] && book_.entry(i).used) unused_.push_back(i);
  }
  return findings;
}

std::vector<uint32_t> QueueRounds::TakeUnused() { return std::exchange(unused_, {}); }

void QueueRounds::Look(const MailView& mail, WallTime now, std::vector<Finding>& findings) {
  for (const QueuedRecipient& recipient : mail.recipients) {
    const uint32_t destination = recipient.destination;
    if (Settled(recipient.state)) continue;
    if (destination < used_.size()) used_[destination] = true;
    const auto add = [&](RoundFinding what) {
      const bool again =
          !findings.empty() && findings.back().message == mail.id && findings.back().destination == destination;
      if (!again) findings.push_back({what, mail.id, destination});
    };
    if (recipient.state == RecipientState::kFailed || recipient.state == RecipientState::kArrived) {
      add(RoundFinding::kReportDue);
    } else if (Waits(recipient.state)) {
      const RetryPolicy& policy = PolicyOf(destination);
      if (now >= policy.Expiry(mail.id, PriorityOf(mail.flags))) {
        add(RoundFinding::kExpired);
      } else if (policy.delay_notice > Duration::zero() && recipient.state != RecipientState::kDelayed &&
                 now >= mail.id.born() + policy.delay_notice) {
        add(RoundFinding::kDelayDue);
      }
    }
  }
}

const RetryPolicy& QueueRounds::PolicyOf(uint32_t destination) const {
  if (destination >= book_.count()) return otherwise_;
  const uint32_t route = book_.entry(destination).route;
  return route < routes_.count() ? routes_.route(route).retry : otherwise_;
}

}  // namespace postern
