// The proof: nothing that was acknowledged is ever lost, whenever the power goes. Every state of the scripts is judged;
// the seeds are as many as a test may take. For more: bazel run --config=release //tests/prover:prove -- SECONDS [SEED]

#include "tests/prover/prover.h"

#include <algorithm>
#include <iostream>
#include <string>

#include "gtest/gtest.h"
#include "tests/prover/workload.h"

namespace postern {
namespace {

class Scripted : public testing::TestWithParam<Script> {};

TEST_P(Scripted, SurvivesEveryCut) {
  PowerCut::Random random(1);
  Prover prover(kScriptOptions, {.exhaustive_max = 1u << 16, .recut_every = 64}, random);
  for (const Case& made : GetParam().run()) ASSERT_EQ(prover.Prove(made), "");
  const Tally& tally = prover.tally();
  EXPECT_EQ(tally.sampled_step_count, 0u) << "not every state was judged: the script is too long";
  std::cout << GetParam().name << ": " << tally.step_count << " cuts, " << tally.state_count << " states; "
            << tally.recut_count << " recoveries cut, " << tally.recut_state_count << " states\n";
}

INSTANTIATE_TEST_SUITE_P(Prover, Scripted, testing::ValuesIn(Scripts().begin(), Scripts().end()), [](const auto& info) {
  std::string name(info.param.name);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

TEST(Prover, SeedsSurviveTheirCuts) {
  constexpr uint64_t kSeedCount = 20;
  Tally tally;
  for (uint64_t seed = 1; seed <= kSeedCount; ++seed) {
    const auto prove = [&](const SegmentLogOptions& options, PowerCut::Random& random, const Case& made) {
      Prover prover(options, kSeedBudget, random);
      std::string error = prover.Prove(made);
      tally += prover.tally();
      return error;
    };
    ASSERT_EQ(ForEachOfSeed(seed, prove), "") << "seed " << seed;
  }
  std::cout << kSeedCount << " seeds: " << tally.step_count << " cuts, " << tally.state_count << " states; "
            << tally.recut_count << " recoveries cut, " << tally.recut_state_count << " states\n";
}

}  // namespace
}  // namespace postern
