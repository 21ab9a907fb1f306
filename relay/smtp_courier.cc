#include "relay/smtp_courier.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/log/check.h"

namespace postern {
namespace {

// The one that came last is mostly the one that goes first.
void EraseLatest(std::vector<SmtpLink*>& links, const SmtpLink* link) {
  const auto place = std::find(links.rbegin(), links.rend(), link);
  CHECK(place != links.rend());
  links.erase(std::next(place).base());
}

}  // namespace

SmtpCourier::SmtpCourier(CourierOptions options, Poller& poller, DnsClient& dns, DeliveryListener& listener,
                         const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      names_(dns),
      finder_({.hostname = options_.client.hostname, .own_addresses = options_.own_addresses, .seed = options_.seed},
              names_),
      context_{.options = options_,
               .poller = poller,
               .finder = finder_,
               .hosts = hosts_,
               .timers = timers_,
               .listener = listener,
               .clock = clock,
               .owner = *this} {}

void SmtpCourier::Start(Attempt& attempt, AttemptListener& listener) {
  CHECK(attempt.route != nullptr && attempt.route->speaks_smtp() && !attempt.indices.empty());
  LinkFor(attempt).Give(attempt, listener);
}

SmtpLink& SmtpCourier::LinkFor(const Attempt& attempt) {
  const auto kept = idle_.find(attempt.destination);
  if (kept != idle_.end()) {
    // The one that was used last is the least likely to have been closed by its peer. A number may have been another
    // destination's a moment ago.
    const auto link = std::find_if(kept->second.rbegin(), kept->second.rend(),
                                   [&](const SmtpLink* candidate) { return candidate->Serves(attempt); });
    if (link != kept->second.rend()) return **link;
  }
  if (free_.empty()) return *links_.emplace_back(std::make_unique<SmtpLink>(context_));
  SmtpLink& link = *free_.back();
  free_.pop_back();
  return link;
}

void SmtpCourier::HandleIdle(SmtpLink& link) {
  idle_[link.destination()].push_back(&link);
  link.host()->idle.push_back(&link);
}

void SmtpCourier::HandleLeftIdle(SmtpLink& link) {
  EraseLatest(idle_[link.destination()], &link);
  EraseLatest(link.host()->idle, &link);
}

void SmtpCourier::StopKeeping() {
  if (context_.mode == LinkMode::kKeeping) context_.mode = LinkMode::kLeaving;
  for (const std::unique_ptr<SmtpLink>& link : links_) link->Leave(clock_.Monotonic());
}

void SmtpCourier::Abort() {
  context_.mode = LinkMode::kAborting;
  // Whoever hears of it may still start an attempt, which makes a link.
  for (size_t i = 0; i < links_.size(); ++i) links_[i]->Abort();
}

MonotonicTime SmtpCourier::Turn() {
  const MonotonicTime now = clock_.Monotonic();
  timers_.FireDue(now);
  MonotonicTime next = names_.Turn(now);
  if (!ready_.empty()) {
    ready_.swap(turning_);
    for (SmtpLink* const link : turning_) link->Turn(now);
    turning_.clear();
    next = names_.Turn(now);  // they may have asked
  }
  return ready_.empty() ? std::min(next, timers_.NextDue()) : now;
}

}  // namespace postern
