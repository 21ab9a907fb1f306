#include "smtp/patience.h"

#include <chrono>

#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::seconds;

constexpr ServerTimeouts kTimeouts{.greeting = seconds(10),
                                   .command = seconds(20),
                                   .data_initiation = seconds(30),
                                   .data_block = seconds(40),
                                   .message = seconds(100),
                                   .data_rate_grace = seconds(5)};

constexpr MonotonicTime At(int64_t second) { return {second * 1'000'000'000}; }

TEST(Patience, EachStepHasItsTime) {
  Patience patience(kTimeouts, 0);
  patience.StartConversation(At(1));
  EXPECT_EQ(patience.deadline(), At(11));
  patience.StartCommand(At(2));
  EXPECT_EQ(patience.deadline(), At(22));
  patience.ContinueBody(At(3));
  EXPECT_EQ(patience.deadline(), At(33));
  patience.NoteBodyBytes(1, At(4));
  EXPECT_EQ(patience.deadline(), At(44));
  patience.ContinueBody(At(5));  // it has begun already
  EXPECT_EQ(patience.deadline(), At(44));
  patience.StartCommand(At(6));
  EXPECT_EQ(patience.deadline(), At(26));
}

TEST(Patience, AMessageHasATimeAltogether) {
  Patience patience(kTimeouts, 0);
  patience.StartConversation(At(0));
  patience.StartCommand(At(1));
  patience.ContinueMessage(At(1));
  for (int64_t second = 2; second < 90; ++second) {
    patience.StartCommand(At(second));
    patience.ContinueMessage(At(second));
    EXPECT_EQ(patience.deadline(), second + 20 < 101 ? At(second + 20) : At(101));
  }
  patience.EndMessage();
  EXPECT_EQ(patience.deadline(), At(109));
  patience.ContinueMessage(At(95));  // the next one has a time of its own
  patience.StartCommand(At(190));
  EXPECT_EQ(patience.deadline(), At(195));
}

TEST(Patience, ABodyHasALeastRateAfterItsGrace) {
  Patience patience(kTimeouts, 100);
  patience.StartConversation(At(0));
  patience.ContinueBody(At(1));
  EXPECT_EQ(patience.deadline(), At(6));  // the grace
  patience.NoteBodyBytes(500, At(2));
  EXPECT_EQ(patience.deadline(), At(6));  // 500 bytes are worth five seconds, as the grace is
  patience.NoteBodyBytes(300, At(3));
  EXPECT_EQ(patience.deadline(), At(9));
  patience.NoteBodyBytes(1'000'000'000'000'000'000, At(3));  // no overflow: the block bounds it
  EXPECT_EQ(patience.deadline(), At(43));
  patience.StartCommand(At(4));  // no body, no rate
  EXPECT_EQ(patience.deadline(), At(24));
}

TEST(Patience, OurOwnTimeIsNotThePeers) {
  Patience patience(kTimeouts, 100);
  patience.StartConversation(At(0));
  patience.ContinueMessage(At(0));
  patience.ContinueBody(At(1));
  patience.StartPause(At(2));
  patience.StartPause(At(50));  // it lasts already
  EXPECT_EQ(patience.deadline(), kNever);
  patience.EndPause(At(62));
  EXPECT_EQ(patience.deadline(), At(66));  // the grace
  patience.NoteBodyBytes(1'000'000, At(62));
  EXPECT_EQ(patience.deadline(), At(102));  // the block
  patience.NoteBodyBytes(1, At(140));
  EXPECT_EQ(patience.deadline(), At(160));  // the message
  patience.EndPause(At(150));               // there is none
  EXPECT_EQ(patience.deadline(), At(160));
}

TEST(Patience, StartsAfresh) {
  Patience patience(kTimeouts, 1);
  patience.StartConversation(At(0));
  patience.ContinueMessage(At(0));
  patience.ContinueBody(At(0));
  patience.StartPause(At(0));
  patience.StartConversation(At(1000));
  EXPECT_EQ(patience.deadline(), At(1010));
}

}  // namespace
}  // namespace postern
