// Prover judges every state that a power cut may leave of a trace: the store must recover from it, and hold what was
// acknowledged and nothing that was not handed over.
//
// A test owns it, on its thread. It goes through the trace step by step, and after each through the states (PowerCut),
// all of them where they are few, and else a sample by seed. Of some states the recovery is itself cut, at each of its
// steps and in every way, and must find then what it found before.

#ifndef POSTERN_TESTS_PROVER_PROVER_H_
#define POSTERN_TESTS_PROVER_PROVER_H_

#include <cstdint>
#include <string>

#include "store/segment_log.h"
#include "tests/prover/knowledge.h"
#include "tests/prover/power_cut.h"
#include "tests/prover/trace.h"

namespace postern {

// What a trace is proven from.
struct Case {
  DiskImage start{};  // on stable storage when it begins
  Knowledge known{};
  Trace trace{};
  History history{};
};

struct Budget {
  uint64_t exhaustive_max = 4096;  // states after one step; when there are more, a sample
  uint64_t sample_count = 64;      // its size
  uint64_t recut_every = 64;       // of so many states the recovery of one is cut as well
};

struct Tally {
  uint64_t step_count = 0;
  uint64_t sampled_step_count = 0;  // those after which not every state was judged
  uint64_t state_count = 0;
  uint64_t recut_count = 0;  // recoveries that were cut
  uint64_t recut_state_count = 0;

  void operator+=(const Tally& other);
};

class Prover {
 public:
  Prover(const SegmentLogOptions& options, Budget budget, PowerCut::Random& random)
      : options_(options), budget_(budget), random_(random) {}

  // The first thing that is wrong, with the steps that led to it; empty when there is none.
  std::string Prove(const Case& proven);
  const Tally& tally() const { return tally_; }

  // What may be left after the first `step_count` steps: the disk, one of its states, and what is known by then.
  static std::pair<DiskImage, Knowledge> Cut(const Case& cut, size_t step_count, PowerCut::Random& random);

 private:
  std::string Judge(const DiskImage& image, const Knowledge& known);
  // Cuts the recovery that made `trace` of `start` and found `found`.
  std::string Recut(const DiskImage& start, const Trace& trace, const Found& found);

  const SegmentLogOptions options_;
  const Budget budget_;
  PowerCut::Random& random_;
  Tally tally_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_PROVER_H_
