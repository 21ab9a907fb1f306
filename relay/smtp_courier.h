// SmtpCourier carries attempts to next hops over SMTP, several connections to each, kept from one message to the next.
//
// The gateway owns it; the relay gives it attempts, and both take their turns on the relay's reactor, whose poller it
// uses. How many attempts run at once is the scheduler's business; the courier has a link for each, and reuses idle
// ones.

#ifndef POSTERN_RELAY_SMTP_COURIER_H_
#define POSTERN_RELAY_SMTP_COURIER_H_

#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "relay/courier.h"
#include "relay/smtp_link.h"

namespace postern {

class SmtpCourier final : public Courier {
 public:
  SmtpCourier(CourierOptions options, Poller& poller, Resolver& resolver, DeliveryListener& listener,
              const Clock& clock);

  void Start(Attempt& attempt, const Route& route, AttemptListener& listener) override;
  void StopKeeping() override;
  void Abort() override;

  // Takes answers of the resolver and minds deadlines; when it wants to be called again at the latest, kNever for not
  // at all.
  MonotonicTime Turn();
  // An answer of the resolver came home.
  bool HasWork() const { return names_.HasAnswers(); }

  // No connection stands. After Abort(), or StopKeeping() and the end of all attempts, this comes true.
  bool closed() const;
  size_t connection_count() const;

 private:
  const CourierOptions options_;
  const Clock& clock_;
  NameBook names_;
  LinkContext context_;
  std::vector<std::unique_ptr<SmtpLink>> links_;                          // as many as ever were needed at once
  absl::flat_hash_set<Scheduler::DestinationIndex> single_destinations_;  // they take one message a connection
  bool keeping_ = true;
};

}  // namespace postern

#endif  // POSTERN_RELAY_SMTP_COURIER_H_
