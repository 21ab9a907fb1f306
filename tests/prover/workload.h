// Workload is a disk, what is known of it, and the processes that live on it one after the other: it makes the cases
// that a prover judges.
//
// A test owns it, on its thread. The short ones are scripts, small enough that every state of every cut can be judged,
// and each shows one thing that the store does; the long ones are chance by seed, and go on from a state that a cut of
// the one before has left.

#ifndef POSTERN_TESTS_PROVER_WORKLOAD_H_
#define POSTERN_TESTS_PROVER_WORKLOAD_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/segment_log.h"
#include "tests/prover/life.h"
#include "tests/prover/prover.h"

namespace postern {

class Workload {
 public:
  explicit Workload(const SegmentLogOptions& options, DiskImage start = {}, Knowledge known = {},
                    uint64_t last_number = 0);

  RecordingDisk& disk() { return disk_; }
  const History& history() const { return history_; }
  // The process that was here is dead, and what it had written is there; the next one recovers. It dies too after so
  // many steps.
  Life& Begin(uint64_t step_count_max = UINT64_MAX);
  // No process is there, and somebody mends the log: from here on nothing of it is damaged.
  void Mend();
  // What has happened so far; the workload is at its end.
  Case Take();

 private:
  const SegmentLogOptions options_;
  const DiskImage start_;
  const Knowledge known_;
  RecordingDisk disk_;
  History history_;
  std::unique_ptr<Life> life_;
};

struct Script {
  std::string_view name;
  std::vector<Case> (*run)();
};
std::span<const Script> Scripts();
// Segments of a few sectors, so that a few messages fill some.
inline constexpr SegmentLogOptions kScriptOptions{.segment_size = 2048, .segment_size_min = 1024, .spare_count_max = 2};

// A seed's states are too many to judge them all.
inline constexpr Budget kSeedBudget{.exhaustive_max = 64, .sample_count = 16, .recut_every = 256};
// Three lives or so on one disk. `prove` judges each, and says what is wrong with it; returns the first of that.
std::string ForEachOfSeed(
    uint64_t seed, const std::function<std::string(const SegmentLogOptions&, PowerCut::Random&, const Case&)>& prove);

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_WORKLOAD_H_
