// The folders of the store outlive a power cut once it is open, although an earlier process was killed while it made
// them: a log whose folder is lost is lost with it.

#include <cstdint>
#include <memory>

#include "gateway/store_setup.h"
#include "gtest/gtest.h"
#include "tests/prover/power_cut.h"
#include "tests/prover/recording_disk.h"
#include "tests/sim/sim_clock.h"

namespace postern {
namespace {

TEST(StoreFolders, OutliveAKillAndACut) {
  Config config;
  config.data_dir = "data";
  config.store.segment_size = 64 * 1024;
  const SimClock clock;
  uint64_t state_count = 0;
  bool was_killed = true;
  for (uint64_t step_count = 1; was_killed; ++step_count) {
    RecordingDisk disk;
    const auto opener = [&](const std::string& path) { return disk.Open(path); };
    disk.StopAfter(step_count);
    was_killed = !StoreSetup::Open(config, opener, clock, 64).ok();
    disk.Restart();
    ASSERT_TRUE(StoreSetup::Open(config, opener, clock, 64).ok()) << "killed at step " << step_count;

    PowerCut cut{DiskImage()};
    for (const Step& step : disk.trace()) cut.Apply(step);
    PowerCut::Random random(1);
    cut.ForEach(4096, 64, random, [&](const PowerCut::Outcome& outcome, const DiskImage& image) {
      ++state_count;
      EXPECT_TRUE(image.IsFolder("data/store/0") && image.IsFolder("data/store/quarantine/0"))
          << "killed at step " << step_count << cut.Describe(outcome);
    });
  }
  EXPECT_GT(state_count, 20u);
}

}  // namespace
}  // namespace postern
