// RecoveryReport tells what was not as it should be in a log, for the operator.
//
// Whoever opens or reads the log owns one and prints it; it is a plain value of his thread.

#ifndef POSTERN_STORE_RECOVERY_REPORT_H_
#define POSTERN_STORE_RECOVERY_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/message.h"
#include "store/segment_format.h"

namespace postern {

// Bytes in the middle of a log that are no record any more.
struct Damage {
  Position position;
  uint32_t size = 0;
  MessageId message = {};   // when the header could still be read; 0 otherwise
  std::string error{};      // the disk could not read it, and why: it may be whole, and nothing of it is given up
  std::string copied_to{};  // the file in the quarantine; empty when it could not be written
};

struct RecoveryReport {
  uint32_t segment_count = 0;
  // Bytes cut off the end of the log because a crash tore what was just being written: nobody was promised them.
  uint64_t torn_size = 0;
  Position torn_at = {};
  std::vector<Damage> damage{};  // the first kDamageCountMax of them
  uint64_t damage_count = 0;
};

inline constexpr size_t kDamageCountMax = 1000;  // a disk that is all rubbish must not fill the memory

}  // namespace postern

#endif  // POSTERN_STORE_RECOVERY_REPORT_H_
