// Replays a folder of fuzzer inputs as a plain test: the empty input, then every file. One program, one target, one
// thread. A target that crashes or fails a CHECK ends the test there, and the last line printed names the file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::string g_corpus;

void Replay(const std::string& input) {
  // The fuzzer's own convention: bytes without a terminating NUL, on the heap, where ASan sees an overrun.
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

TEST(CorpusTest, EveryFileReplays) {
  Replay("");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(g_corpus)) {
    if (!entry.is_regular_file()) continue;
    std::cout << entry.path() << std::endl;
    std::ifstream file(entry.path(), std::ios::binary);
    ASSERT_TRUE(file) << entry.path();
    Replay(std::string(std::istreambuf_iterator<char>(file), {}));
  }
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " CORPUS_FOLDER\n";
    return 64;
  }
  g_corpus = argv[1];
  return RUN_ALL_TESTS();
}
