// ToAsciiDomain turns a domain of an internationalised address into the form that DNS knows it by (RFC 6531 3.2).
//
// A pure function, on any thread. Each label beyond ASCII becomes its A-label (RFC 5890): "xn--" and its Punycode
// (RFC 3492). Letters are taken as they are, in the normal form and the case in which registries have them; a domain
// that is written otherwise is another one, and is not found.

#ifndef POSTERN_RELAY_ASCII_DOMAIN_H_
#define POSTERN_RELAY_ASCII_DOMAIN_H_

#include <optional>
#include <string>
#include <string_view>

namespace postern {

// "bücher.example" is "xn--bcher-kva.example"; ASCII stays as it is. Nothing when it is not UTF-8.
std::optional<std::string> ToAsciiDomain(std::string_view domain);

}  // namespace postern

#endif  // POSTERN_RELAY_ASCII_DOMAIN_H_
