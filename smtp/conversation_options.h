// ConversationOptions is what all conversations of a gateway share: names, limits, patience.
//
// The gateway makes it from its configuration before the first conversation; it is lent to each, never changed while
// they live, and so may be read on any thread.

#ifndef POSTERN_SMTP_CONVERSATION_OPTIONS_H_
#define POSTERN_SMTP_CONVERSATION_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/domain_table.h"
#include "core/limits.h"
#include "smtp/body_decoder.h"
#include "smtp/patience.h"

namespace postern {

struct ConversationOptions {
  std::string hostname = "localhost";
  std::string greeting = "{host} ESMTP Postern service ready";  // {host} is the hostname
  std::string identity;  // told by HELP, so that `postern probe` knows this very gateway again
  BareNewline bare_newline = BareNewline::kReject;
  DomainTable local_domains;                  // recipients there are accepted from everybody
  std::optional<DomainTable> routed_domains;  // mail for others goes nowhere, and is refused; without it all have a way
  // By what routed_domains says; what is not there, is empty or 0 takes all mail.
  std::vector<std::string> reject_texts;  // mail that goes this way is refused with this text
  std::vector<uint64_t> route_size_max;   // bytes; a message that says to be larger is refused
  uint64_t message_size_max = kMessageSizeMaxDefault;
  uint32_t recipient_count_max = kRecipientCountMaxDefault;
  uint32_t message_count_max = kMessagesPerConnectionMaxDefault;  // on a connection of a peer that is not trusted
  uint32_t error_count_max = kErrorCountMax;
  uint32_t hop_count_max = kHopCountMax;
  uint32_t own_hop_count_max = kOwnHopCountMax;  // of Received lines that say `by` our hostname; 0 is no limit
  uint64_t data_rate_min = 0;                    // bytes a second; 0 is no least rate
  ServerTimeouts timeouts;
};

struct Peer {
  std::string_view address;  // "192.0.2.1" or "2001:db8::1", for the trace and the envelope; lent
  bool trusted = false;      // in trusted_networks: may relay, and is free of some limits
};

}  // namespace postern

#endif  // POSTERN_SMTP_CONVERSATION_OPTIONS_H_
