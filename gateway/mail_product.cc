#include "gateway/mail_product.h"

#include "absl/strings/match.h"

namespace postern {
namespace {

enum class Where : unsigned char { kGreeting, kEhlo, kHelp };

struct Sign {
  std::string_view product;
  Where where;
  std::string_view words;  // upper or lower case alike
};

// The first that fits wins: what is special stands before what is general, and HELP, which few operators reword, before
// greetings that look alike.
constexpr Sign kSigns[] = {
    {"Postern", Where::kHelp, "postern"},
    {"Postern", Where::kGreeting, "postern"},
    {"Microsoft Exchange Internet Mail Connector", Where::kGreeting, "internet mail connector"},
    {"Microsoft Exchange Internet Mail Service", Where::kGreeting, "internet mail service"},
    {"smtp-sink, the test server of Postfix", Where::kGreeting, "220 smtp-sink"},
    {"Zimbra (Postfix)", Where::kGreeting, "zimbra"},
    {"Postfix", Where::kGreeting, "postfix"},
    {"Exim", Where::kGreeting, "exim"},
    {"OpenSMTPD", Where::kHelp, "opensmtpd"},
    {"OpenSMTPD", Where::kGreeting, "opensmtpd"},
    {"Sendmail", Where::kHelp, "this is sendmail"},
    {"Sendmail", Where::kGreeting, "sendmail"},
    {"notqmail", Where::kHelp, "notqmail"},
    {"netqmail", Where::kHelp, "netqmail"},
    {"qmail", Where::kHelp, "qmail"},
    {"Haraka", Where::kGreeting, "haraka"},
    {"Haraka", Where::kEhlo, "haraka"},
    {"Stalwart", Where::kGreeting, "stalwart"},
    {"Maddy", Where::kGreeting, "maddy"},
    {"Dovecot submission", Where::kGreeting, "dovecot"},
    {"Courier", Where::kGreeting, "courier"},
    {"Apache James", Where::kGreeting, "james"},
    {"hMailServer", Where::kHelp, "hmailserver"},
    {"MailEnable", Where::kGreeting, "mailenable"},
    {"MDaemon", Where::kGreeting, "mdaemon"},
    {"Lotus or HCL Domino", Where::kGreeting, "domino"},
    {"Google", Where::kGreeting, "gsmtp"},
    {"MailHog", Where::kGreeting, "mailhog"},
    {"Mailpit", Where::kGreeting, "mailpit"},
    {"aiosmtpd", Where::kGreeting, "python smtp"},
    {"nodemailer's smtp-server", Where::kEhlo, "nice to meet you"},
    {"Exim", Where::kHelp, "214-commands supported:"},
    {"Postfix", Where::kHelp, "error: command not recognized"},
    // Verbs that no other server has.
    {"Microsoft Exchange", Where::kEhlo, "x-anonymoustls"},
    {"Microsoft Exchange", Where::kEhlo, "x-exps"},
    {"Microsoft Exchange", Where::kEhlo, "xexch50"},
    {"Microsoft Exchange or IIS", Where::kGreeting, "microsoft esmtp mail service"},
    {"Microsoft Exchange or IIS", Where::kHelp, "this server supports the following commands"},
};

}  // namespace

std::string_view MailProductOf(std::string_view greeting, std::string_view ehlo, std::string_view help) {
  for (const Sign& sign : kSigns) {
    const std::string_view text = sign.where == Where::kGreeting ? greeting : sign.where == Where::kEhlo ? ehlo : help;
    if (absl::StrContainsIgnoreCase(text, sign.words)) return sign.product;
  }
  return "";
}

}  // namespace postern
