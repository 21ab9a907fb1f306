// LookUpName asks the system for the addresses of a host, and waits for them.
//
// A plain function without state. It may block for as long as the system's resolver does, so it belongs on a thread
// that does nothing else, never on a reactor's.

#ifndef POSTERN_NET_NAME_LOOKUP_H_
#define POSTERN_NET_NAME_LOOKUP_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace postern {

// Literals without brackets, at least one and at most `count_max`, in the system's order of preference. NotFound when
// there is no such name, else Unavailable; the message is the system's.
absl::StatusOr<std::vector<std::string>> LookUpName(const std::string& host, size_t count_max);

}  // namespace postern

#endif  // POSTERN_NET_NAME_LOOKUP_H_
