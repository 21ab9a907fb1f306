// Trace is what a process did to a disk: every change and every sync, in order, as a value.
//
// RecordingDisk writes it down, PowerCut replays it; a plain value of their thread.

#ifndef POSTERN_TESTS_PROVER_TRACE_H_
#define POSTERN_TESTS_PROVER_TRACE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/prover/disk_image.h"

namespace postern {

struct Step {
  enum class Kind : uint8_t {
    kMakeFolder,
    kCreate,      // a file of `size` bytes, all zeros
    kWrite,       // `bytes` at `offset`
    kSync,        // of the file
    kFailedSync,  // of the file: its bytes are given up, and the system takes them for written
    kRename,      // to `path`; `replaced` had that name before
    kRemove,
    kSyncFolder,  // of the folder at `path`
  };
  Kind kind;
  NodeNumber node = 0;    // of all but kSyncFolder
  std::string path = {};  // where the node is after the step, or was when it is removed
  NodeNumber replaced = 0;
  uint64_t size = 0;
  uint64_t offset = 0;
  std::string bytes = {};
};

using Trace = std::vector<Step>;

// "write store/0/segment-0000000001 512+320".
std::string Describe(const Step& step);

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_TRACE_H_
