// MailProductOf guesses which mail server it is that speaks, by words that its makers put into its replies.
//
// A plain function over a table, usable on any thread. It is a help for people, and nothing is decided by it.

#ifndef POSTERN_GATEWAY_MAIL_PRODUCT_H_
#define POSTERN_GATEWAY_MAIL_PRODUCT_H_

#include <string_view>

namespace postern {

// Each is all lines of a reply, with their ends; empty when there was none. Returns an empty name for a stranger.
std::string_view MailProductOf(std::string_view greeting, std::string_view ehlo, std::string_view help);

}  // namespace postern

#endif  // POSTERN_GATEWAY_MAIL_PRODUCT_H_
