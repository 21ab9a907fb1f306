// prove judges as many seeds as there is time for, and says what it has judged.
//
//   bazel run --config=release //tests/prover:prove -- SECONDS [FIRST_SEED]
//
// The scripts come first, with every state of every recovery that is cut; they take a minute or two. What fails is told
// with its seed: prove 0 SEED judges that one alone.

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string_view>

#include "absl/strings/numbers.h"
#include "tests/prover/prover.h"
#include "tests/prover/workload.h"

namespace postern {
namespace {

using Clock = std::chrono::steady_clock;

void Tell(std::string_view what, const Tally& tally, std::string_view error) {
  std::cout << what << ": " << tally.step_count << " cuts, " << tally.state_count << " states; " << tally.recut_count
            << " recoveries cut, " << tally.recut_state_count << " states" << (error.empty() ? "" : "\nFAILED: ")
            << error << std::endl;
}

int Prove(uint64_t seconds, uint64_t first_seed) {
  if (seconds > 0) {
    for (const Script& script : Scripts()) {
      PowerCut::Random random(1);
      Prover prover(kScriptOptions, {.exhaustive_max = 1u << 20, .recut_every = 1}, random);
      std::string error;
      for (const Case& made : script.run()) {
        if (error.empty()) error = prover.Prove(made);
      }
      Tell(script.name, prover.tally(), error);
      if (!error.empty()) return 1;
    }
  }
  const Clock::time_point end = Clock::now() + std::chrono::seconds(seconds);
  uint64_t seed = first_seed;
  Tally tally;
  do {
    const std::string error =
        ForEachOfSeed(seed, [&](const SegmentLogOptions& options, PowerCut::Random& random, const Case& made) {
          Prover prover(options, kSeedBudget, random);
          std::string wrong = prover.Prove(made);
          tally += prover.tally();
          return wrong;
        });
    if (!error.empty()) {
      Tell("seed " + std::to_string(seed), tally, error);
      return 1;
    }
    ++seed;
  } while (Clock::now() < end);
  Tell("seeds " + std::to_string(first_seed) + " to " + std::to_string(seed - 1), tally, "");
  return 0;
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  uint64_t seconds = 0;
  uint64_t first_seed = 1;
  const bool is_right = (argc == 2 || argc == 3) && absl::SimpleAtoi(argv[1], &seconds) &&
                        (argc == 2 || absl::SimpleAtoi(argv[2], &first_seed));
  if (!is_right) {
    std::cerr << "usage: prove SECONDS [FIRST_SEED]; with 0 seconds that seed alone\n";
    return 64;
  }
  return postern::Prove(seconds, first_seed);
}
