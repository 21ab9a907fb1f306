// Every transcript of the folder, as a dialogue and in all the ways in which a network may cut what the peer sends.

#include "tests/smtp_session/transcript.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

constexpr int kRandomCutCount = 1000;
// A transcript with a large body is cut less often: the same bytes over and over find nothing.
constexpr size_t kCutByteCountMax = 20'000'000;

std::vector<std::string_view> Whole(std::string_view bytes) { return {bytes}; }

std::vector<std::string_view> ByteByByte(std::string_view bytes) {
  std::vector<std::string_view> packets;
  for (size_t i = 0; i < bytes.size(); ++i) packets.push_back(bytes.substr(i, 1));
  return packets;
}

// Up to four cuts, since one between two certain bytes is what finds a mistake, and many are like byte by byte.
Cutter AtRandom(uint32_t seed) {
  return [random = std::mt19937(seed)](std::string_view bytes) mutable {
    std::vector<size_t> cuts = {0, bytes.size()};
    for (uint32_t i = random() % 5; i > 0; --i) cuts.push_back(random() % (bytes.size() + 1));
    std::sort(cuts.begin(), cuts.end());
    std::vector<std::string_view> packets;
    for (size_t i = 1; i < cuts.size(); ++i) packets.push_back(bytes.substr(cuts[i - 1], cuts[i] - cuts[i - 1]));
    return packets;
  };
}

class TranscriptTest : public testing::Test {
 public:
  explicit TranscriptTest(Transcript transcript) : transcript_(std::move(transcript)) {}

  void TestBody() override {
    const std::vector<std::string> failures = ReplayDialogue(transcript_);
    EXPECT_TRUE(failures.empty()) << absl::StrJoin(failures, "\n");

    const std::string whole = ReplayCut(transcript_, Whole);
    EXPECT_EQ(ReplayCut(transcript_, ByteByByte), whole) << "byte by byte";
    size_t size = 1;
    for (const TranscriptStep& step : transcript_.steps) size += step.text.size();
    const int cut_count = static_cast<int>(std::min<size_t>(kRandomCutCount, kCutByteCountMax / size));
    for (int seed = 0; seed < cut_count && !HasFailure(); ++seed) {
      EXPECT_EQ(ReplayCut(transcript_, AtRandom(static_cast<uint32_t>(seed))), whole) << "cut with seed " << seed;
    }
  }

 private:
  const Transcript transcript_;
};

int RunFolder(const std::string& folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".smtp") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const std::string name = entry.path().stem().string();
    Transcript transcript = ParseTranscript(entry.path().string(), text);
    testing::RegisterTest("Transcript", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [transcript = std::move(transcript)] { return new TranscriptTest(transcript); });
    ++count;
  }
  if (count == 0) {
    std::cerr << folder << ": no transcript\n";
    return 1;
  }
  return RUN_ALL_TESTS();
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " FOLDER\n";
    return 64;
  }
  return postern::RunFolder(argv[1]);
}
