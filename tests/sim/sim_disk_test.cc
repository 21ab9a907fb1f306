// What the simulated disk promises of shared bytes; its files and folders are judged by every test of the store.

#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(SimDisk, SharedBytesAreAsTheDeadProcessLeftThem) {
  SimDisk disk;
  auto directory = *disk.Open("/data");
  auto old = *directory->OpenShared("shared", 1000);
  EXPECT_TRUE(std::ranges::all_of(old->bytes(), [](char c) { return c == 0; }));
  old->bytes()[999] = 'x';
  disk.Kill();
  EXPECT_FALSE(directory->OpenShared("shared", 1000).ok());
  auto fresh = *(*disk.Open("/data"))->OpenShared("shared", 1000);
  old->bytes()[999] = 'y';  // as destructors of the dead may
  EXPECT_EQ(fresh->bytes()[999], 'x');
}

TEST(SimDisk, APowerCutMixesOldNewAndZeros) {
  std::set<std::string> found;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SimDisk disk;
    SimDisk::Random random(seed);
    const auto open = [&] { return *(*disk.Open("/data"))->OpenShared("shared", 1024); };
    ASSERT_TRUE((*disk.Open("/"))->Sync().ok());
    std::ranges::fill(open()->bytes(), 'a');
    ASSERT_TRUE((*disk.Open("/data"))->Sync().ok());
    std::ranges::fill(open()->bytes(), 'b');
    disk.PowerCut(random);
    const auto after = open();
    found.insert({after->bytes()[0], after->bytes()[1023]});
  }
  EXPECT_EQ(found.size(), 9u);
}

}  // namespace
}  // namespace postern
