#include "core/ring_buffer.h"

#include <array>
#include <deque>
#include <random>
#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

void Write(RingBuffer& ring, std::string_view bytes) {
  while (!bytes.empty()) {
    std::span<char> span = ring.WritableSpan();
    ASSERT_FALSE(span.empty());
    const size_t count = std::min(span.size(), bytes.size());
    std::copy_n(bytes.begin(), count, span.begin());
    ring.Commit(count);
    bytes.remove_prefix(count);
  }
}

TEST(RingBuffer, WrapsAndStraightens) {
  std::array<char, 8> memory;
  RingBuffer ring(memory);
  Write(ring, "abcdef");
  ring.Consume(4);
  Write(ring, "ghijkl");
  EXPECT_TRUE(ring.wrapped());
  EXPECT_EQ(ring.Peek(), "efgh");
  EXPECT_TRUE(ring.WritableSpan().empty());
  EXPECT_TRUE(ring.TryStraighten());
  EXPECT_FALSE(ring.wrapped());
  EXPECT_EQ(ring.Peek(), "efghijkl");
}

TEST(RingBuffer, HasNoMemoryUntilItIsLentSome) {
  RingBuffer ring;
  EXPECT_FALSE(ring.attached());
  EXPECT_TRUE(ring.WritableSpan().empty());
  std::array<char, 4> memory;
  ring.AttachMemory(memory);
  Write(ring, "ab");
  EXPECT_DEATH(ring.DetachMemory(), "unread bytes");
  ring.Consume(2);
  EXPECT_EQ(ring.DetachMemory().data(), memory.data());
  EXPECT_FALSE(ring.attached());
}

// A receive under way writes where it was told to, although all before it was read meanwhile.
TEST(RingBuffer, NothingMovesWhileRoomIsLent) {
  std::array<char, 8> memory;
  RingBuffer ring(memory);
  Write(ring, "abcdef");
  ring.Consume(4);
  const std::span<char> room = ring.LendRoom();
  ring.Consume(2);
  EXPECT_FALSE(ring.TryStraighten());
  std::copy_n("gh", 2, room.begin());
  ring.Commit(2);
  EXPECT_EQ(ring.Peek(), "gh");
  EXPECT_TRUE(ring.TryStraighten());
  ring.Consume(2);
  ring.LendRoom();
  ring.Commit(0);
  EXPECT_EQ(ring.WritableSpan().size(), memory.size());
}

// Random writes, reads, receives and straightenings against the simplest queue of bytes there is.
TEST(RingBuffer, IsAQueueOfBytes) {
  std::mt19937 random(1);
  std::array<char, 13> memory;
  RingBuffer ring(memory);
  std::deque<char> model;
  char next = 0;
  for (int step = 0; step < 100'000; ++step) {
    const auto read = [&] {
      for (size_t count = random() % (ring.size() + 1); count > 0; --count) {
        ASSERT_EQ(ring.Peek().front(), model.front());
        ring.Consume(1);
        model.pop_front();
      }
    };
    switch (random() % 4) {
      case 0:
        for (size_t count = random() % (ring.free_size() + 1); count > 0; --count) {
          model.push_back(++next);
          Write(ring, std::string_view(&next, 1));
        }
        break;
      case 1: read(); break;
      case 2:
        ASSERT_TRUE(ring.TryStraighten());
        ASSERT_EQ(ring.Peek(), std::string(model.begin(), model.end()));
        break;
      case 3: {
        const std::span<char> room = ring.LendRoom();
        read();
        const size_t count = random() % (room.size() + 1);
        for (size_t i = 0; i < count; ++i) model.push_back(room[i] = ++next);
        ring.Commit(count);
        break;
      }
    }
    ASSERT_EQ(ring.size(), model.size());
  }
}

}  // namespace
}  // namespace postern
