// The whole gateway in the simulated world, a seed a test (scenario.h tells how to run one of them).

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sim/scenario.h"

namespace postern {
namespace {

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

bool Trace() { return NumberFrom("SIM_TRACE", 0) != 0; }

std::vector<uint64_t> Seeds() {
  if (const uint64_t seed = NumberFrom("SIM_SEED", 0); seed != 0) return {seed};
  std::vector<uint64_t> seeds(NumberFrom("SIM_SEEDS", 100));
  for (size_t i = 0; i < seeds.size(); ++i) seeds[i] = i + 1;
  return seeds;
}

class GatewaySim : public testing::TestWithParam<uint64_t> {};

TEST_P(GatewaySim, KeepsItsPromises) {
  const ScenarioResult result = RunScenario(GetParam(), Trace());
  for (const std::string& problem : result.problems) ADD_FAILURE() << "seed " << GetParam() << ": " << problem;
  if (HasFailure()) {
    std::fprintf(stderr,
                 "to see it: SIM_SEED=%llu SIM_TRACE=1 bazel test --config=release --test_output=all "
                 "//tests/sim:gateway_sim_short_test\n",
                 static_cast<unsigned long long>(GetParam()));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, GatewaySim, testing::ValuesIn(Seeds()),
                         [](const testing::TestParamInfo<uint64_t>& info) { return std::to_string(info.param); });

// Else a failure could not be looked at.
TEST(Scenario, IsTheSameAgain) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const ScenarioResult first = RunScenario(seed, false);
    const ScenarioResult second = RunScenario(seed, false);
    EXPECT_EQ(first.digest, second.digest) << "seed " << seed;
    EXPECT_EQ(first.step_count, second.step_count) << "seed " << seed;
  }
}

// A world in which nothing happens keeps all promises.
TEST(Scenario, IsEventful) {
  ScenarioResult sum;
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    const ScenarioResult result = RunScenario(seed, false);
    sum.step_count += result.step_count;
    sum.message_count += result.message_count;
    sum.acknowledged_count += result.acknowledged_count;
    sum.delivered_count += result.delivered_count;
    sum.failed_count += result.failed_count;
    sum.reported_count += result.reported_count;
    sum.last_report_count += result.last_report_count;
    sum.wish_count += result.wish_count;
    sum.death_count += result.death_count;
    sum.drain_count += result.drain_count;
    sum.poisoning_count += result.poisoning_count;
  }
  EXPECT_GT(sum.message_count, 500u);
  EXPECT_GT(sum.acknowledged_count, 200u);
  EXPECT_GT(sum.delivered_count, 300u);
  EXPECT_GT(sum.failed_count, 5u);
  EXPECT_GT(sum.reported_count, 50u);
  EXPECT_GT(sum.last_report_count, 2u);
  EXPECT_GT(sum.wish_count, 5u);
  EXPECT_GT(sum.death_count, 10u);
  EXPECT_GT(sum.drain_count, 2u);
  EXPECT_GT(sum.poisoning_count, 1u);
  std::printf(
      "%llu steps, %zu messages, %zu acknowledged; %zu recipients delivered, %zu failed, %zu reported on; %zu reports "
      "led on; %zu wishes; %zu deaths, %zu drains, %zu poisonings\n",
      static_cast<unsigned long long>(sum.step_count), sum.message_count, sum.acknowledged_count, sum.delivered_count,
      sum.failed_count, sum.reported_count, sum.last_report_count, sum.wish_count, sum.death_count, sum.drain_count,
      sum.poisoning_count);
}

}  // namespace
}  // namespace postern
