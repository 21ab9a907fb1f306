// Courier carries attempts to other servers; Relay hears of it when they are over.
//
// The gateway assembles both, and both live on the relay's thread. SmtpCourier (smtp_courier.h) is the real one; a test
// answers as it likes. An attempt is lent to the courier from Start() until HandleAttemptDone(), which never comes
// inside Start(), and nor does HandleProgress().

#ifndef POSTERN_RELAY_COURIER_H_
#define POSTERN_RELAY_COURIER_H_

#include <cstdint>

#include "relay/attempt.h"

namespace postern {

// What an attempt says of its destination, beside the results of its recipients.
enum class AttemptEnd : uint8_t {
  kAnswered,     // somebody there speaks with us, whatever he said
  kUnreachable,  // nobody did; all are deferred
  kNeither,  // it ended through us, by a stop or a fault: the results are deferred, and say nothing of the destination
  kUntried,  // it cannot be made just now: there are no results, and nothing happened
};

class AttemptListener {
 public:
  virtual ~AttemptListener() = default;
  // A transaction is over and others follow. `attempt.results` has an entry for each recipient, kPending for who is
  // still to come; who is delivered or refused is so for good, and may be noted now.
  virtual void HandleProgress(Attempt& attempt) = 0;
  // `attempt.results` has an entry for each recipient, unless it is kUntried.
  virtual void HandleAttemptDone(Attempt& attempt, AttemptEnd end) = 0;
};

class Courier {
 public:
  virtual ~Courier() = default;
  // `attempt.route` speaks SMTP or LMTP.
  virtual void Start(Attempt& attempt, AttemptListener& listener) = 0;
  // Closes what is idle, now and whenever an attempt ends.
  virtual void StopKeeping() = 0;
  // Ends what is under way: its recipients are deferred.
  virtual void Abort() = 0;
};

}  // namespace postern

#endif  // POSTERN_RELAY_COURIER_H_
