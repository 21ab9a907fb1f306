// RelayLoop lets the relay, its courier and its store take their turns on a reactor.
//
// The gateway owns it, beside the reactor that it hooks itself into; it lives on that reactor's thread. It holds no
// state of mail: it knows only who comes after whom, and when the next turn is due.

#ifndef POSTERN_RELAY_RELAY_LOOP_H_
#define POSTERN_RELAY_RELAY_LOOP_H_

#include "net/reactor.h"
#include "relay/log_mail_store.h"
#include "relay/mailbox_writer.h"
#include "relay/relay.h"
#include "relay/smtp_courier.h"

namespace postern {

class RelayLoop final : public TurnHook {
 public:
  RelayLoop(Reactor& reactor, const Clock& clock, LogMailStore& store, SmtpCourier& courier, Relay& relay);
  ~RelayLoop() override;

  void RunTurn() override;
  bool HasWork() const override;

 private:
  Reactor& reactor_;
  const Clock& clock_;
  LogMailStore& store_;
  SmtpCourier& courier_;
  Relay& relay_;
  Timer timer_;  // for the next turn; firing is all it does, since every turn runs the hooks
  bool more_ = false;
};

}  // namespace postern

#endif  // POSTERN_RELAY_RELAY_LOOP_H_
