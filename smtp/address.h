// Paths and mailboxes of RFC 5321 4.1.2, with the UTF-8 of RFC 6531: `<>`, `<local@domain>`, `<local@[192.0.2.1]>`.
//
// Pure functions over views, on any thread; nothing is allocated and what they return points into what they were given.
// Percent hacks and bang paths are plain text of a local part: nobody here reads a second address out of one.

#ifndef POSTERN_SMTP_ADDRESS_H_
#define POSTERN_SMTP_ADDRESS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern {

enum class AddressError : uint8_t {
  kNone,
  kNotAPath,          // no '<' where it should stand, or no '>' where the mailbox ends
  kSourceRoute,       // "@one,@two:" that is none
  kLocalPart,         // empty, or a byte that may not stand there
  kLocalPartTooLong,  // more than kLocalPartSizeMax
  kDomainMissing,     // only `postmaster` may stand alone, and only as a recipient
  kDomain,            // empty labels, bad bytes, a final dot
  kDomainTooLong,     // more than kDomainSizeMax, or a label of more than 63
  kLiteral,           // brackets without an IPv4 or an IPv6: address
  kPathTooLong,       // more than kPathSizeMax, with its angle brackets and without its source route
  kUtf8,              // bytes over 127 that are no UTF-8
};

// A path as it was said, source route taken off. All views are empty for the null sender `<>`.
struct Path {
  std::string_view mailbox;     // without angle brackets
  std::string_view local_part;  // quotes and backslashes as they stand
  std::string_view domain;      // empty for `postmaster` alone; with its brackets when it is a literal
  bool eight_bit = false;       // holds UTF-8: only for a transaction with SMTPUTF8 (RFC 6531 3.4)
};

struct ParsedPath {
  AddressError error = AddressError::kNone;
  Path path{};
  size_t size = 0;  // bytes of `text` that the path takes, its angle brackets with it
};

// The path that `text` starts with; what follows it is the caller's to judge.
ParsedPath ParseReversePath(std::string_view text);  // RFC 5321 4.1.1.2: may be `<>`
ParsedPath ParseForwardPath(std::string_view text);  // RFC 5321 4.1.1.3: may be `<postmaster>`

// The parts of a mailbox that was a good path. A quoted local part may hold an '@', a domain may not; `postmaster`
// alone has no domain.
std::string_view DomainOf(std::string_view mailbox);
std::string_view LocalPartOf(std::string_view mailbox);

// "mail.example": labels of letters, digits, hyphens, underscores (which real hosts have) and UTF-8; no final dot.
AddressError CheckDomain(std::string_view domain);
// "[192.0.2.1]", "[IPv6:2001:db8::1]".
bool IsAddressLiteral(std::string_view text);

}  // namespace postern

#endif  // POSTERN_SMTP_ADDRESS_H_
