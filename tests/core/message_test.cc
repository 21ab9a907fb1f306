#include "core/message.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

std::string Text(MessageId id) { return std::string(ToText(id).view()); }

TEST(MessageId, TextAndBack) {
  for (uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{0x0123456789ABCDEF}, UINT64_MAX}) {
    EXPECT_EQ(ParseMessageId(Text({number})), MessageId{number});
  }
  EXPECT_EQ(Text({UINT64_MAX}), "FZZZZZZZZZZZZ");
  EXPECT_EQ(ParseMessageId("fzzzzzzzzzzzz"), MessageId{UINT64_MAX});
}

TEST(MessageId, RefusesWhatIsNone) {
  for (std::string_view text : {"", "0", "00000000000000", "GZZZZZZZZZZZZ", "000000000000U", "000000000000-"}) {
    EXPECT_FALSE(ParseMessageId(text).has_value()) << text;
  }
}

TEST(MessageIdSource, NeverRepeatsWhenTheClockStandsOrGoesBack) {
  MessageIdSource a(1), b(2);
  std::set<MessageId> ids;
  for (int64_t us : {1000, 1000, 999, 5, 1001, 2000, 1}) {
    EXPECT_TRUE(ids.insert(a.Next({us})).second);
    EXPECT_TRUE(ids.insert(b.Next({us})).second);
  }
}

TEST(MessageIdSource, GoesOnBehindTheLastKnown) {
  const MessageId last = MessageIdSource(7).Next({1'000'000});
  EXPECT_GT(MessageIdSource(0, last).Next({5}), last);
}

TEST(MessageId, TellsItsBirth) { EXPECT_EQ(MessageIdSource(3).Next({123'456'789}).born().us, 123'456'789); }

}  // namespace
}  // namespace postern
