// What c-ares takes in the system's own clothes when somebody else does its input and output: errors and pieces.
//
// Plain functions without state, on the thread of the channel. c-ares looks for an error where the system's calls leave
// it, and describes pieces of memory as the system does.

#ifndef POSTERN_NET_ARES_SYSTEM_H_
#define POSTERN_NET_ARES_SYSTEM_H_

#include <cstdint>
#include <string>

struct iovec;

namespace postern {

enum class AresError : uint8_t { kWouldBlock, kInProgress, kRefused, kReset };

// Leaves `error` where c-ares looks, and returns what a call that failed returns.
int64_t FailWith(AresError error);

std::string Join(const iovec* pieces, int count);

}  // namespace postern

#endif  // POSTERN_NET_ARES_SYSTEM_H_
