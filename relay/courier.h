// Courier carries attempts to next hops; Relay hears of it when they are over.
//
// The gateway assembles both, and both live on the relay's thread. SmtpCourier (smtp_courier.h) is the real one; a test
// answers as it likes. An attempt is lent to the courier from Start() until HandleAttemptDone(), which never comes
// inside Start().

#ifndef POSTERN_RELAY_COURIER_H_
#define POSTERN_RELAY_COURIER_H_

#include "relay/attempt.h"
#include "relay/route.h"
#include "relay/scheduler.h"

namespace postern {

class AttemptListener {
 public:
  virtual ~AttemptListener() = default;
  // `attempt.results` has an entry for each recipient.
  virtual void HandleAttemptDone(Attempt& attempt, Scheduler::Finish finish) = 0;
};

class Courier {
 public:
  virtual ~Courier() = default;
  virtual void Start(Attempt& attempt, const Route& route, AttemptListener& listener) = 0;
  // Closes what is idle, now and whenever an attempt ends.
  virtual void StopKeeping() = 0;
  // Ends what is under way: its recipients are deferred.
  virtual void Abort() = 0;
};

}  // namespace postern

#endif  // POSTERN_RELAY_COURIER_H_
