// RecoveryReport tells what was not as it should be in a log, for the operator.
//
// Whoever opens or reads the log owns one and prints it; it is a plain value of his thread.

#ifndef POSTERN_STORE_RECOVERY_REPORT_H_
#define POSTERN_STORE_RECOVERY_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/message.h"
#include "store/segment_format.h"

namespace postern {

enum class DamageKind : uint8_t {
  kBroken,      // bytes that were a record and are none any more
  kUnreadable,  // the disk cannot read them: they may be whole, and nothing of them is given up
  kCutOff,      // another segment follows, and this one ends without its seal: what was behind is gone
  kPassedOver,  // the program has died over this record more than once: it is left alone, and nothing of it is given up
  kGap,         // the next segment does not go on with the number behind this seal: one is gone, or is not of this log
};

// What has happened, and to what, in words.
std::string_view ToText(DamageKind kind);

// A place in the middle of a log that is not as it was written.
struct Damage {
  DamageKind kind = DamageKind::kBroken;
  Position position;        // kGap: of the seal
  uint32_t size = 0;        // bytes; none of what is not there
  MessageId message = {};   // when the header could still be read; 0 otherwise
  uint64_t sequence = 0;    // of the record before; kGap: of the one behind
  uint64_t gap_count = 0;   // kGap: records that are missing, 0 when the numbers of both sides do not belong together
  std::string error{};      // kUnreadable: what the disk says
  std::string copied_to{};  // kBroken: the file in the quarantine; empty when it could not be written
};

// A segment whose file had the name of another one.
struct MisplacedSegment {
  uint32_t named = 0;
  uint32_t holds = 0;
  // Another file holds that one under the name that is right: this is a copy, and is left where it is, as damage.
  bool is_copy = false;
};

struct RecoveryReport {
  uint32_t segment_count = 0;
  // Files that were given back the name that their records tell.
  std::vector<MisplacedSegment> misplaced{};
  // Bytes cut off the end of the log because a crash tore what was just being written: nobody was promised them.
  uint64_t torn_size = 0;
  Position torn_at = {};
  std::vector<Damage> damage{};  // the first kDamageCountMax of them
  uint64_t damage_count = 0;
};

inline constexpr size_t kDamageCountMax = 1000;  // a disk that is all rubbish must not fill the memory

}  // namespace postern

#endif  // POSTERN_STORE_RECOVERY_REPORT_H_
