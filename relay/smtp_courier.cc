#include "relay/smtp_courier.h"

#include <algorithm>
#include <utility>

namespace postern {

SmtpCourier::SmtpCourier(CourierOptions options, Poller& poller, Resolver& resolver, DeliveryListener& listener,
                         const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      names_(resolver),
      context_{options_, poller, names_, listener, clock} {}

void SmtpCourier::Start(Attempt& attempt, const Route& route, AttemptListener& listener) {
  SmtpLink* chosen = nullptr;
  for (const std::unique_ptr<SmtpLink>& link : links_) {
    if (link->idle() && link->destination() == attempt.destination) {
      chosen = link.get();
      break;
    }
    if (link->free()) chosen = link.get();
  }
  if (chosen == nullptr) {
    links_.push_back(std::make_unique<SmtpLink>(context_));
    chosen = links_.back().get();
    if (!keeping_) chosen->StopKeeping();
  }
  chosen->Give(attempt, route, single_destinations_.contains(attempt.destination), listener);
}

void SmtpCourier::StopKeeping() {
  keeping_ = false;
  for (const std::unique_ptr<SmtpLink>& link : links_) link->StopKeeping();
}

void SmtpCourier::Abort() {
  keeping_ = false;
  for (const std::unique_ptr<SmtpLink>& link : links_) link->Abort();
}

MonotonicTime SmtpCourier::Turn() {
  const MonotonicTime now = clock_.Monotonic();
  if (names_.TakeAnswers(now)) {
    for (const std::unique_ptr<SmtpLink>& link : links_) link->HandleAnswers(now);
  }
  MonotonicTime next = kNever;
  for (const std::unique_ptr<SmtpLink>& link : links_) {
    if (link->deadline() <= now) link->Turn(now);
    if (link->TakeLearntSingle()) single_destinations_.insert(link->destination());
    next = std::min(next, link->deadline());
  }
  return next;
}

bool SmtpCourier::closed() const { return connection_count() == 0; }

size_t SmtpCourier::connection_count() const {
  return static_cast<size_t>(
      std::count_if(links_.begin(), links_.end(), [](const auto& link) { return !link->free(); }));
}

}  // namespace postern
