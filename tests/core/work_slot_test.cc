#include "core/work_slot.h"

#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(WorkSlotTest, AScopeSaysWhatIsInWorkAndLeavesNothing) {
  WorkSlot slot;
  {
    const WorkScope relaying(&slot, WorkStage::kRelaying, MessageId{7});
    EXPECT_EQ(slot.stage, WorkStage::kRelaying);
    EXPECT_EQ(slot.message, 7u);
    {
      const WorkPeer peer("192.0.2.1:25");
      const WorkScope talking(&slot, WorkStage::kTalking, MessageId{8}, &peer);
      EXPECT_EQ(slot.stage, WorkStage::kTalking);
      EXPECT_EQ(slot.message, 8u);
      EXPECT_EQ(slot.peer.view(), "192.0.2.1:25");
    }
    EXPECT_EQ(slot.stage, WorkStage::kRelaying);
    EXPECT_EQ(slot.message, 7u);
  }
  EXPECT_EQ(slot.stage, WorkStage::kNone);
}

TEST(WorkSlotTest, APlaceInALogIsNoMessageUntilItWasRead) {
  WorkSlot slot;
  const WorkScope reading(&slot, WorkStage::kReading, MessageId{});
  slot.NotePosition(uint64_t{3} << 32 | 64);
  slot.NoteMessage(MessageId{7});
  slot.NotePosition(uint64_t{3} << 32 | 128);
  EXPECT_EQ(slot.message, 0u);
  EXPECT_EQ(slot.position, uint64_t{3} << 32 | 128);
}

TEST(WorkSlotTest, NobodyAsks) { const WorkScope scope(nullptr, WorkStage::kRelaying, MessageId{7}); }

TEST(WorkSlotTest, ALongNameIsCut) {
  const std::string name(100, 'x');
  EXPECT_EQ(WorkPeer(name).view(), name.substr(0, 48));
  EXPECT_EQ(WorkPeer("").view(), "");
}

}  // namespace
}  // namespace postern
