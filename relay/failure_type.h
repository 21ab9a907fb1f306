// FailureType is why a recipient was not reached: what an administrator chooses copies of reports by.
//
// A plain value: the configuration names the types, the reporter tells which one a failure is (imc.md: Q190708).

#ifndef POSTERN_RELAY_FAILURE_TYPE_H_
#define POSTERN_RELAY_FAILURE_TYPE_H_

#include <cstdint>

namespace postern {

enum class FailureType : uint8_t {
  kAddress,  // there is no such mailbox or domain, or it takes no mail (X.1.x, and every refusal of a recipient)
  kHost,     // the way there failed: names, connections, what a server is or can (X.3.x, X.4.x, X.5.x)
  kContent,  // the message itself was refused: its size, its content, a policy (X.6.x, X.7.x, X.3.4)
  kExpired,  // it was tried until its time was over (X.4.7)
  kLoop,     // it goes round (X.4.6)
};

inline constexpr FailureType kFailureTypes[] = {FailureType::kAddress, FailureType::kHost, FailureType::kContent,
                                                FailureType::kExpired, FailureType::kLoop};

}  // namespace postern

#endif  // POSTERN_RELAY_FAILURE_TYPE_H_
