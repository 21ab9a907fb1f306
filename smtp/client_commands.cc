#include "smtp/client_commands.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace postern {

std::string MailCommand(const EnvelopeHead& head, uint64_t body_size, const PeerOffers& offers) {
  std::string command = absl::StrCat("MAIL FROM:<", head.sender, ">");
  if (offers.size) absl::StrAppend(&command, " SIZE=", body_size);
  if (offers.eight_bit && (head.flags & kEnvelopeEightBit) != 0) command += " BODY=8BITMIME";
  if (offers.utf8 && (head.flags & kEnvelopeUtf8) != 0) command += " SMTPUTF8";
  if (offers.dsn) {
    if (head.ret == DsnReturn::kFull) command += " RET=FULL";
    if (head.ret == DsnReturn::kHeaders) command += " RET=HDRS";
    if (!head.envid.empty()) absl::StrAppend(&command, " ENVID=", head.envid);
  }
  command += "\r\n";
  return command;
}

std::string RcptCommand(const Recipient& recipient, const PeerOffers& offers) {
  std::string command = absl::StrCat("RCPT TO:<", recipient.address, ">");
  if (offers.dsn) {
    const char* separator = " NOTIFY=";
    const std::pair<uint8_t, const char*> names[] = {
        {kNotifyNever, "NEVER"}, {kNotifySuccess, "SUCCESS"}, {kNotifyFailure, "FAILURE"}, {kNotifyDelay, "DELAY"}};
    for (const auto& [bit, name] : names) {
      if ((recipient.notify & bit) == 0) continue;
      absl::StrAppend(&command, separator, name);
      separator = ",";
    }
    if (!recipient.orcpt.empty()) absl::StrAppend(&command, " ORCPT=", recipient.orcpt);
  }
  command += "\r\n";
  return command;
}

}  // namespace postern
