// The two commands of a client that carry parameters: MAIL and RCPT, with what the peer understands of our wishes.
//
// Plain functions of the client conversation, on its thread. An envelope keeps xtext as it was said, so nothing has to
// be encoded again.

#ifndef POSTERN_SMTP_CLIENT_COMMANDS_H_
#define POSTERN_SMTP_CLIENT_COMMANDS_H_

#include <cstdint>
#include <string>

#include "core/envelope.h"
#include "smtp/peer_offers.h"

namespace postern {

// "MAIL FROM:<a@b> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x" CR LF.
std::string MailCommand(const EnvelopeHead& head, uint64_t body_size, const PeerOffers& offers);

// "RCPT TO:<a@b> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@b" CR LF.
std::string RcptCommand(const Recipient& recipient, const PeerOffers& offers);

}  // namespace postern

#endif  // POSTERN_SMTP_CLIENT_COMMANDS_H_
