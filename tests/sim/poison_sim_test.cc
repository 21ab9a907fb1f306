// A message of which the gateway dies, in the simulated world: it is parked, and all other mail flows on.

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/work_slot.h"
#include "gateway/black_box.h"
#include "gateway/version.h"
#include "gtest/gtest.h"
#include "relay/queue_operations.h"
#include "store/log_reader.h"
#include "store/queue_index.h"
#include "tests/sim/sim_setup.h"
#include "tests/sim/sim_world.h"

namespace postern {
namespace {

constexpr std::string_view kPoison = "a poisonous line";

class PoisonSim : public testing::Test {
 protected:
  PoisonSim() {
    Dice dice(1);
    config_ = MakeConfig(dice, Weather{});
    config_.transfer = TransferMode::kBoth;
    config_.threads = {.reactors = 1, .store_writers = 1};
    world_ = std::make_unique<SimWorld>(1, config_, SimWorldOptions{});
    FillDns(world_->dns());
    world_->set_event_sink([this](std::string_view line) { lines_.emplace_back(line); });
  }

  void Start() { ASSERT_TRUE(world_->Start().ok()); }
  bool stopped() const { return world_->disk().stopped(); }

  void Run(Duration duration) {
    const MonotonicTime end = world_->now() + duration;
    while (world_->now() < end && !stopped()) {
      if (!world_->Step()) world_->clock().Advance(std::chrono::milliseconds(10));
    }
  }

  // Takes the reply to it, unless the gateway dies of it before.
  void Send(std::string_view body, std::string_view recipient = "b@box.example") {
    const auto peer = world_->network().Connect(ListenAddresses(config_).front(), SimAddress("10.9.0.1:1000"));
    peer->Send(absl::StrCat("EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<", recipient, ">\r\n",
                            "BDAT ", body.size(), " LAST\r\n", body, "QUIT\r\n"));
    std::string said;
    const MonotonicTime end = world_->now() + std::chrono::seconds(30);
    while (!absl::StrContains(said, "\r\n221") && world_->now() < end && !stopped()) {
      if (!world_->Step()) world_->clock().Advance(std::chrono::milliseconds(10));
      said += peer->TakeInput();
    }
    ASSERT_TRUE(stopped() || absl::StrContains(said, " queued as ")) << said;
  }

  // It will die when it writes the poison into a mailbox; `seen` by its crash handler, or not.
  void Poison(bool seen) {
    world_->disk().StopAtWrite(std::string(kPoison), "/tmp/");
    world_->disk().set_last_words([this, seen] {
      if (seen) world_->black_box()->NoteCrash(world_->gateway().mailbox_slot(), "*** SIGSEGV received ***");
    });
  }
  void Die() {
    Run(std::chrono::minutes(10));
    ASSERT_TRUE(stopped());
    world_->Kill();
    world_->disk().set_last_words(nullptr);
  }

  // The queue as the log has it.
  std::unique_ptr<QueueIndex> Queue() {
    auto index = std::make_unique<QueueIndex>();
    const auto log = *world_->disk().Open(config_.store_dir() + "/0");
    LogReader reader(*log, nullptr);
    while (const std::optional<RecordView> record = reader.Next({UINT32_MAX, 0})) index->Apply(*record);
    return index;
  }

  // The relay's thread crashes in a life of its own.
  void CrashAt(WorkStage stage, MessageId message, Position position = {}) {
    const auto crashes = *world_->disk().Open(config_.crash_dir());
    const auto box = *BlackBox::Open(*crashes, kVersion, WallTime{1});
    WorkSlot* const slot = box->TakeSlot("relay");
    const WorkScope work(slot, stage, message);
    if (stage == WorkStage::kReading) slot->NotePosition(position.Pack());
    box->NoteCrash(slot, "*** SIGSEGV received ***");
    world_->disk().Kill();
  }

  size_t Count(std::string_view event) const {
    return static_cast<size_t>(std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
      return absl::StrContains(line, absl::StrCat(" event=", event, " "));
    }));
  }
  bool Told(std::initializer_list<std::string_view> parts) const {
    return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) {
      return std::all_of(parts.begin(), parts.end(), [&](auto part) { return absl::StrContains(line, part); });
    });
  }
  size_t Delivered() const { return Count("2001"); }

  Config config_;
  std::unique_ptr<SimWorld> world_;
  std::vector<std::string> lines_;
};

TEST_F(PoisonSim, TwoCrashesParkItAndTheOthersGoOn) {
  Start();
  Poison(true);
  Send(absl::StrCat("Subject: x\r\n\r\n", kPoison, "\r\n"));
  Die();
  Poison(true);
  Start();
  Die();
  Start();
  EXPECT_TRUE(Told({"event=1003", "crash=\"*** SIGSEGV received ***\""}));
  EXPECT_TRUE(Told({"event=1003", "thread=mailbox-writer", "crashed=yes", "crashes=2"}));
  EXPECT_TRUE(Told({"event=3015", "crashes=2", "deaths=0"}));
  Send("Subject: y\r\n\r\ninnocent\r\n");
  Run(std::chrono::minutes(10));
  EXPECT_EQ(Count("2001"), 1u);
  ASSERT_FALSE(stopped());
  world_->Kill();
  Start();  // it stays parked, and nobody is told of it again
  Run(std::chrono::minutes(10));
  EXPECT_EQ(Count("3015"), 1u);
  EXPECT_EQ(Count("2001"), 1u);
}

TEST_F(PoisonSim, DeathsThatNobodySawParkItAtTheFourth) {
  Start();
  Poison(false);
  Send(absl::StrCat("Subject: x\r\n\r\n", kPoison, "\r\n"));
  Die();
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(Count("3015"), 0u);
    Poison(false);
    Start();
    Die();
  }
  Start();
  EXPECT_TRUE(Told({"event=3015", "crashes=0", "deaths=4"}));
  Run(std::chrono::minutes(10));
  EXPECT_EQ(Count("2001"), 0u);
}

// The relay died twice over the first record of the log: it is passed over, and what is behind it is delivered.
TEST_F(PoisonSim, ARecordThatCannotBeReadIsPassedOver) {
  Start();
  Send("Subject: first\r\n\r\nx\r\n", "b@hop.example");  // nobody answers there
  Send("Subject: second\r\n\r\nx\r\n", "b@hop.example");
  world_->Kill();
  const Position position = Queue()->At(0)->position();
  for (int i = 0; i < 2; ++i) CrashAt(WorkStage::kReading, MessageId{}, position);
  Start();
  EXPECT_TRUE(Told({"event=3013", absl::StrCat("offset=", position.offset)}));
  EXPECT_TRUE(Told({"event=3015", "stage=\"reading the log\""}));
  EXPECT_EQ(world_->gateway().queued_at_start(), 1u);
}

TEST_F(PoisonSim, MoreThanCanBeParkedAtOnceAreParkedOneAfterTheOther) {
  constexpr size_t kCount = QueueOperations::kCountMax + 6;
  Start();
  for (size_t i = 0; i < kCount; ++i) Send("Subject: x\r\n\r\nx\r\n", "b@hop.example");  // nobody answers there
  world_->Kill();
  const std::unique_ptr<QueueIndex> queue = Queue();
  ASSERT_EQ(queue->message_count(), kCount);
  for (size_t i = 0; i < 2 * kCount; ++i) CrashAt(WorkStage::kRelaying, queue->At(i / 2)->id());
  Start();
  EXPECT_EQ(Count("3015"), QueueOperations::kCountMax) << "what is not parked is not told";
  Run(std::chrono::minutes(10));
  EXPECT_EQ(Count("3015"), kCount);
  ASSERT_FALSE(stopped());
  world_->Kill();
  const std::unique_ptr<QueueIndex> parked = Queue();
  EXPECT_EQ(parked->message_count(), kCount);
  for (size_t i = 0; i < kCount; ++i) EXPECT_TRUE(IsHeld(parked->At(i)->recipients()[0].state)) << i;
}

}  // namespace
}  // namespace postern
