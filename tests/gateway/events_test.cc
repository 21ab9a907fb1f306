#include "gateway/events.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace postern {
namespace {

class FixedClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return {}; }
  WallTime Wall() const override { return {us}; }
  int64_t us = 1'764'086'645'123'456;
};

class EventsTest : public testing::Test {
 protected:
  // What was written for a field of this value.
  std::string Value(std::string_view value) {
    lines_.clear();
    log_.Write(Event::kReceived, {{"k", value}});
    EXPECT_EQ(lines_.size(), 1u) << "a line is one write";
    const std::string start = "2025-11-25T16:04:05.123456Z event=2002 name=received k=";
    EXPECT_EQ(lines_[0].substr(0, start.size()), start);
    EXPECT_EQ(lines_[0].back(), '\n');
    EXPECT_EQ(lines_[0].find('\n'), lines_[0].size() - 1) << "a line is one line";
    return lines_[0].substr(start.size(), lines_[0].size() - start.size() - 1);
  }

  FixedClock clock_;
  std::vector<std::string> lines_;
  EventLog log_{clock_, [this](std::string_view line) { lines_.emplace_back(line); }};
};

TEST_F(EventsTest, ALineIsTimeNumberNameAndFields) {
  log_.Write(Event::kReceived, {{"id", "0QZ"}, {"peer", "192.0.2.1"}, {"text", "two words"}});
  log_.Write(Event::kStopped, {});
  EXPECT_EQ(lines_,
            (std::vector<std::string>{
                "2025-11-25T16:04:05.123456Z event=2002 name=received id=0QZ peer=192.0.2.1 text=\"two words\"\n",
                "2025-11-25T16:04:05.123456Z event=1001 name=stopped\n",
            }));
}

TEST_F(EventsTest, APlainValueIsBareAndAnyOtherQuoted) {
  EXPECT_EQ(Value("[2001:db8::1]:25"), "[2001:db8::1]:25");
  EXPECT_EQ(Value(""), "\"\"");
  EXPECT_EQ(Value("a b"), "\"a b\"");
  EXPECT_EQ(Value("event=1001"), "\"event=1001\"") << "a value must not look like a field";
}

TEST_F(EventsTest, HostileValuesStayData) {
  EXPECT_EQ(Value("%s%n%x"), "%s%n%x") << "imc.md, Q239816: a Subject of %s crashed the logger";
  EXPECT_EQ(Value("x\n2025-01-01T00:00:00Z event=1001"), "\"x\\n2025-01-01T00:00:00Z event=1001\"");
  EXPECT_EQ(Value("\" event=1001 x=\""), "\"\\\" event=1001 x=\\\"\"");
  EXPECT_EQ(Value("back\\slash"), "\"back\\\\slash\"");
  EXPECT_EQ(Value(std::string_view("\0\x1b[31m", 6)), "\"\\x00\\x1B[31m\"");
  EXPECT_EQ(Value("jürgen@grün.example"), "\"jürgen@grün.example\"");
}

TEST_F(EventsTest, ALongValueIsCut) {
  EXPECT_EQ(Value(std::string(kEventValueSizeMax, 'x')), std::string(kEventValueSizeMax, 'x'));
  EXPECT_EQ(Value(std::string(1'000'000, 'x')), "\"" + std::string(kEventValueSizeMax, 'x') + "...\"");
}

}  // namespace
}  // namespace postern
