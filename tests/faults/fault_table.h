// FaultTable is the page of rules that a test writes and the fault shim in a program under test reads.
//
// Both map one file: the test, in Python, owns it and arms and lifts rules while the program runs; the shim counts
// there what it has seen and done, on whatever thread makes the call. tests/e2e/faults.py writes the same layout down
// once more, and the header's size of a rule tells when the two have come apart.

#ifndef POSTERN_TESTS_FAULTS_FAULT_TABLE_H_
#define POSTERN_TESTS_FAULTS_FAULT_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace postern::faults {

// Groups of calls. A rule names one or more.
enum Calls : uint32_t {
  kWrite = 1u << 0,
  kRead = 1u << 1,
  kSync = 1u << 2,       // fsync, fdatasync, syncfs
  kStartSync = 1u << 3,  // sync_file_range
  kAllocate = 1u << 4,   // fallocate, posix_fallocate
  kOpen = 1u << 5,
  kRename = 1u << 6,
  kRemove = 1u << 7,
  kAccept = 1u << 8,
  kSocket = 1u << 9,
  kConnect = 1u << 10,
  kSend = 1u << 11,
  kReceive = 1u << 12,
  kMemory = 1u << 13,  // malloc, and with it operator new
  kMap = 1u << 14,     // mmap
  kWallClock = 1u << 15,
  kMonotonicClock = 1u << 16,
};

enum class Effect : uint32_t {
  kFail,     // with `error`; the call is not made
  kShorten,  // to `value` bytes at most
  kDelay,    // by `value` nanoseconds, then the call is made
  kStall,    // until the rule is lifted, then the call is made
  kAbort,    // the program dies in the call
  kShift,    // of a clock, by `value` nanoseconds
};

struct Rule {
  std::atomic<uint32_t> armed;  // written last by the test, read first by the shim
  uint32_t calls;
  Effect effect;
  int32_t error;
  // Of the calls that match: so many pass first, then one in `every` is hit, `hit_count_max` times (0: for ever).
  uint64_t skip_count;
  uint64_t every;
  uint64_t hit_count_max;
  uint64_t size_min;  // calls about fewer bytes do not match,
  uint64_t size_max;  // and those about more neither (0: there is no such bound)
  int64_t value;
  std::atomic<uint64_t> seen_count;
  std::atomic<uint64_t> hit_count;
  char path[128];  // a part of the file's path, or of its kind, such as "socket:"; empty: any
  uint64_t bytes_size;
  char bytes[120];  // must stand in one of the buffers that are written, sent, read or received; none: any
};

inline constexpr uint64_t kFaultMagic = 0x31544c554146;  // "FAULT1"
inline constexpr size_t kRuleCount = 64;

struct FaultTable {
  uint64_t magic;
  uint64_t rule_size;           // sizeof(Rule), as the test sees it
  std::atomic<uint64_t> calls;  // of all armed rules: a call of no rule costs one load
  Rule rules[kRuleCount];
};

}  // namespace postern::faults

#endif  // POSTERN_TESTS_FAULTS_FAULT_TABLE_H_
