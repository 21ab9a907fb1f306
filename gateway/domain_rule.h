// What may stand for a domain in a configuration, and what is wrong with what may not.
//
// Plain functions without state, usable on any thread. An empty answer means that all is well; any other is a sentence
// for the person who wrote the file.

#ifndef POSTERN_GATEWAY_DOMAIN_RULE_H_
#define POSTERN_GATEWAY_DOMAIN_RULE_H_

#include <string>
#include <string_view>

namespace postern {

// A domain by name, as a host has it: "mail.example.org". UTF-8 is as good as ASCII (RFC 6531).
std::string DomainMistake(std::string_view text);

// A domain that means its subdomains too, "#domain" for the domain alone, or an address literal: "[192.0.2.1]".
std::string DomainRuleMistake(std::string_view text);

}  // namespace postern

#endif  // POSTERN_GATEWAY_DOMAIN_RULE_H_
