#include "smtp/noted_reply.h"

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(NotedReply, KnowsARepliesCodes) {
  const NotedReply reply = ReadNote("550 5.1.1 no such user\nreally");
  EXPECT_FALSE(reply.expired);
  EXPECT_EQ(reply.code, 550);
  EXPECT_EQ(reply.enhanced, "5.1.1");
  EXPECT_EQ(reply.text, "550 5.1.1 no such user\nreally");
}

TEST(NotedReply, KnowsWhatExpired) {
  const NotedReply reply = ReadNote("expired: 451 busy");
  EXPECT_TRUE(reply.expired);
  EXPECT_EQ(reply.code, 451);
  EXPECT_EQ(reply.enhanced, "");
  EXPECT_EQ(reply.text, "451 busy");
  EXPECT_TRUE(ReadNote("expired: ").expired);
}

TEST(NotedReply, AReasonOfOurOwnMaySayItsKind) {
  for (const char* note : {"5.3.4 the message is too large", "expired: 5.3.4 the message is too large"}) {
    const NotedReply reply = ReadNote(note);
    EXPECT_EQ(reply.code, 0);
    EXPECT_EQ(reply.enhanced, "5.3.4");
    EXPECT_EQ(reply.text, "5.3.4 the message is too large");
  }
  EXPECT_EQ(ReadNote("4.4.2").enhanced, "4.4.2");
  EXPECT_EQ(ReadNote("5.1.10 null.example takes no mail").enhanced, "5.1.10");
}

TEST(NotedReply, AReasonOfOurOwnHasNoCode) {
  for (const char* note : {"", "cannot connect", "55", "5500 x", "192.0.2.1 is silent", "4.4.2.1 is silent", "3.1.1 x",
                           "5.1 x", "650 x", "150 x", "550-x"}) {
    EXPECT_EQ(ReadNote(note).code, 0) << note;
    EXPECT_EQ(ReadNote(note).enhanced, "") << note;
    EXPECT_EQ(ReadNote(note).text, note);
  }
  EXPECT_EQ(ReadNote("550").code, 550);
  EXPECT_EQ(ReadNote("550 4.1.1 of another class").enhanced, "");
}

}  // namespace
}  // namespace postern
