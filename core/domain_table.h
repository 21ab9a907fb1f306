// DomainTable says which rule a domain falls under: that of the local domains, that of the routes.
//
// A plain value: whoever reads the configuration builds it, and then it never changes and may be read on any thread. A
// rule names a domain and means its subdomains too; `#domain` means the domain alone; `*` is everything else. The exact
// rule wins, then the longest suffix, then `*` (imc.md: Q169683).

#ifndef POSTERN_CORE_DOMAIN_TABLE_H_
#define POSTERN_CORE_DOMAIN_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

namespace postern {

class DomainTable {
 public:
  // `value` is what Find() answers for the domains of `rule`. InvalidArgument for what cannot be meant, and for a rule
  // that is there already.
  absl::Status Add(std::string_view rule, uint32_t value);

  // Nothing when no rule fits. Case and a final dot do not matter. An address literal ("[192.0.2.1]") has no
  // subdomains: only its own rule and `*` fit it. Allocates nothing: every RCPT comes this way.
  std::optional<uint32_t> Find(std::string_view domain) const;

 private:
  struct Rules {
    std::optional<uint32_t> exact;
    std::optional<uint32_t> suffix;
  };

  absl::flat_hash_map<std::string, Rules> rules_;  // by the domain in lower case, without a final dot
  std::optional<uint32_t> default_;
};

}  // namespace postern

#endif  // POSTERN_CORE_DOMAIN_TABLE_H_
