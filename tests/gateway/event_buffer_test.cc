#include "gateway/event_buffer.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(EventBuffer, WritesBatchesInOrder) {
  std::vector<std::string> batches;
  EventBuffer buffer([&](std::string_view bytes) {
    batches.emplace_back(bytes);
    return true;
  });
  buffer.Put("a\n");
  buffer.Put("b\n");
  buffer.Flush();
  buffer.Flush();
  buffer.Put("c\n");
  buffer.Flush();
  EXPECT_EQ(batches, (std::vector<std::string>{"a\nb\n", "c\n"}));
}

// A reader that takes nothing costs lines, not time: they are counted, and the count is told when he reads again.
TEST(EventBuffer, ToldHowManyLinesWereDropped) {
  std::string out;
  bool reads = false;
  EventBuffer buffer([&](std::string_view bytes) {
    if (reads) out += bytes;
    return reads;
  });
  const std::string line(99, 'x');
  const size_t fit = EventBuffer::kSizeMax / (line.size() + 1);
  for (size_t i = 0; i < fit + 7; ++i) buffer.Put(line + "\n");
  buffer.Flush();
  buffer.Put("after\n");
  reads = true;
  buffer.Flush();
  EXPECT_EQ(out, "after\npostern: " + std::to_string(fit + 7) + " event lines were dropped\n");
}

TEST(EventBuffer, RunsUntilItIsStoppedAndLeavesNothing) {
  std::string out;
  EventBuffer buffer([&](std::string_view bytes) {
    out += bytes;
    return true;
  });
  std::atomic<bool> stop{false};
  std::thread runner([&] { buffer.Run(stop); });
  std::vector<std::thread> tellers;
  for (int i = 0; i < 4; ++i) {
    tellers.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) buffer.Put("line\n");
    });
  }
  for (std::thread& teller : tellers) teller.join();
  stop = true;
  buffer.Wake();
  runner.join();
  EXPECT_EQ(out.size(), 4 * 1000 * 5u);
}

}  // namespace
}  // namespace postern
