// Sizes and how often each comes.

#include "bench/load/mix.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(Mix, ComesAsOftenAsItsWeightSays) {
  const Mix mix = *Mix::Parse("1k:70,2k:20,3k:10");
  std::mt19937_64 random(1);
  std::vector<size_t> counts(3);
  constexpr size_t kCount = 100'000;
  for (size_t i = 0; i < kCount; ++i) ++counts.at(mix.Pick(random));
  // Five standard deviations are 725 of them at most.
  EXPECT_NEAR(static_cast<double>(counts[0]), 0.7 * kCount, 725);
  EXPECT_NEAR(static_cast<double>(counts[1]), 0.2 * kCount, 725);
  EXPECT_NEAR(static_cast<double>(counts[2]), 0.1 * kCount, 725);
}

TEST(Mix, OfOneSizeNeedsNoWeight) {
  std::mt19937_64 random(1);
  for (const Mix& mix : {Mix(1024), *Mix::Parse("1k")}) {
    EXPECT_EQ(mix.parts().size(), 1u);
    EXPECT_EQ(mix.parts()[0].size, 1024u);
    EXPECT_EQ(mix.Pick(random), 0u);
    EXPECT_EQ(mix.ToString(), "1.00 KiB");
  }
}

TEST(Mix, OfMailIsOneThatCanBeRead) {
  const std::optional<Mix> mix = Mix::Parse(Mix::kMailLike);
  ASSERT_TRUE(mix);
  std::vector<uint64_t> sizes;
  for (const Mix::Part& part : mix->parts()) sizes.push_back(part.size);
  EXPECT_EQ(sizes, (std::vector<uint64_t>{4 << 10, 24 << 10, 100 << 10, 1 << 20, 50 << 20}));
  EXPECT_EQ(Mix::Parse("4k:90,24k:10")->ToString(), "4.00 KiB 90.0 %, 24.0 KiB 10.0 %");
}

TEST(Mix, IsNotMadeOfNonsense) {
  for (const char* wrong : {"", ",", "4k:", "4k:0", "4k:-1", "4k:x", "4k:1:2", "4k:1,", ":1", "4k:nan", "4k:inf"}) {
    EXPECT_FALSE(Mix::Parse(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace postern
