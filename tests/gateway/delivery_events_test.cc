// What happens on the road out, as lines with the numbers that monitoring rules know.

#include "gateway/delivery_events.h"

#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

class FixedClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return {}; }
  WallTime Wall() const override { return {1'764'086'645'123'456}; }
};

class DeliveryEventsTest : public testing::Test {
 protected:
  // The line without its time.
  std::string Line(const DeliveryEvent& event) {
    line_.clear();
    events_.HandleDelivery(event);
    return line_.substr(line_.find(' ') + 1);
  }

  FixedClock clock_;
  std::string line_;
  EventLog log_{clock_, [this](std::string_view line) { line_ += line; }};
  DeliveryEvents events_{log_};
};

constexpr MessageId kMessage{0x064'0000'0000'0001};
constexpr MessageId kReport{0x064'0000'0000'0002};

TEST_F(DeliveryEventsTest, AReportNamesWhatItIsAbout) {
  EXPECT_EQ(Line({.kind = DeliveryEventKind::kReported,
                  .message = kMessage,
                  .report = kReport,
                  .recipient = "kim@example.org",
                  .text = "failure"}),
            "event=1015 name=reported dir=out id=00S0000000002 about=00S0000000001 recipient=kim@example.org "
            "kind=failure\n");
  EXPECT_EQ(Line({.kind = DeliveryEventKind::kReportFailed, .message = kMessage, .text = "the disk is full"}),
            "event=3014 name=report-failed id=00S0000000001 text=\"the disk is full\"\n");
}

TEST_F(DeliveryEventsTest, ADeadLetterSaysWhereItLies) {
  EXPECT_EQ(Line({.kind = DeliveryEventKind::kDeadLetter,
                  .message = kMessage,
                  .destination = "dead-letters",
                  .host = "/var/lib/postern/dead-letters",
                  .recipient = "kim@example.org",
                  .text = "delivered",
                  .size = 7}),
            "event=1014 name=dead-letter dir=out id=00S0000000001 state=dead-letter sender=\"\" "
            "recipient=kim@example.org destination=dead-letters host=/var/lib/postern/dead-letters size=7 "
            "next_attempt=never text=delivered\n");
}

TEST_F(DeliveryEventsTest, MailThatGoesRoundHasItsOwnNumber) {
  const auto number = [this](std::string_view text) {
    return Line({.kind = DeliveryEventKind::kRejected, .message = kMessage, .text = text}).substr(0, 10);
  };
  EXPECT_EQ(number("554 5.4.6 mail for this domain would come back to us"), "event=4098");
  EXPECT_EQ(number("550 5.1.1 no such user"), "event=4031");
  EXPECT_EQ(number("550 5.1.1 not 5.4.6"), "event=4031");
}

}  // namespace
}  // namespace postern
