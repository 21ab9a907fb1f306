#include "smtp/reply.h"

#include <string>

#include "core/limits.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(Reply, IsOneLine) {
  std::string out = "220 before\r\n";
  AppendReply({250, "2.1.0", "Sender accepted"}, out);
  AppendReply({354, "", "Go on"}, out);
  EXPECT_EQ(out, "220 before\r\n250 2.1.0 Sender accepted\r\n354 Go on\r\n");
}

TEST(Reply, CannotBeForgedByItsText) {
  std::string out;
  AppendReply({550, "5.7.1", std::string_view("x\r\n250 ok\0\x7f\t\xC3\xBC", 14)}, out);
  EXPECT_EQ(out, "550 5.7.1 x??250 ok???\xC3\xBC\r\n");
}

TEST(Reply, FitsIntoAReplyLine) {
  std::string out;
  AppendReply({550, "5.7.1", std::string(5000, 'x')}, out);
  EXPECT_EQ(out.size(), kReplyLineSizeMax);
  EXPECT_TRUE(out.ends_with("x\r\n"));
}

TEST(Reply, AllocatesNothingInAStringOfItsSize) {
  std::string out;
  out.reserve(4096);
  const char* const memory = out.data();
  for (int i = 0; i < 100; ++i) AppendReply({250, "2.0.0", "Accepted"}, out);
  EXPECT_EQ(out.data(), memory);
}

}  // namespace
}  // namespace postern
