// What a gateway that died has left for the next one, and what that makes of it.

#include "gateway/black_box.h"

#include <memory>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "tests/sim/sim_disk.h"

namespace postern {
namespace {

constexpr WallTime kNow{1'700'000'000'000'000};

class BlackBoxTest : public testing::Test {
 protected:
  void Open(std::string_view version = "1.0") {
    directory_ = *disk_.Open("/data/crashes");
    box_ = *BlackBox::Open(*directory_, version, kNow);
    relay_ = box_->TakeSlot("relay");
    reactor_ = box_->TakeSlot("reactor 0");
  }
  void Kill() {
    disk_.Kill();
    box_.reset();
  }
  // A life in which the relay was at `message`, and a reactor at a peer's input.
  void DieAt(uint64_t message, bool seen) {
    Open();
    const WorkPeer peer("192.0.2.1");
    const WorkScope receiving(reactor_, WorkStage::kReceiving, MessageId{}, &peer);
    const WorkScope relaying(relay_, WorkStage::kRelaying, MessageId{message});
    if (seen) box_->NoteCrash(relay_, "*** SIGSEGV ***\n");
    if (seen) box_->NoteCrash(relay_, "at main()\n");
    disk_.Kill();
  }
  std::vector<Suspect> Guilty() { return box_->book().Guilty(); }

  SimDisk disk_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<BlackBox> box_;
  WorkSlot* relay_ = nullptr;
  WorkSlot* reactor_ = nullptr;
};

TEST_F(BlackBoxTest, AnEndInOrderLeavesNothing) {
  Open();
  EXPECT_FALSE(box_->last_death().has_value());
  { const WorkScope relaying(relay_, WorkStage::kRelaying, MessageId{7}); }
  box_.reset();
  Open();
  EXPECT_FALSE(box_->last_death().has_value());
}

TEST_F(BlackBoxTest, ACrashIsTheWorkOfTheThreadThatCrashed) {
  DieAt(7, true);
  Open("1.1");
  ASSERT_TRUE(box_->last_death().has_value());
  const Death death = *box_->last_death();
  EXPECT_EQ(death.version, "1.0");
  EXPECT_EQ(death.started, kNow);
  EXPECT_EQ(death.crash, "*** SIGSEGV ***\nat main()\n");
  ASSERT_EQ(death.work.size(), 2u);
  EXPECT_TRUE(death.work[0].crashed);
  EXPECT_EQ(death.work[0].slot.message, 7u);
  EXPECT_EQ(death.work[0].suspect->crash_count, 1u);
  EXPECT_FALSE(death.work[1].crashed);
  EXPECT_EQ(death.work[1].slot.peer.view(), "192.0.2.1");
  EXPECT_FALSE(death.work[1].suspect.has_value());
  EXPECT_TRUE(Guilty().empty());
  Kill();
  DieAt(7, true);
  Open();
  ASSERT_EQ(Guilty().size(), 1u);
  EXPECT_EQ(Guilty()[0].key, 7u);
  box_->book().Forget(Guilty()[0]);
  EXPECT_TRUE(Guilty().empty());
}

TEST_F(BlackBoxTest, OfADeathThatNobodySawAllWorkIsSuspectedAndConvictedAtTheFourth) {
  for (uint32_t deaths = 1; deaths < 4; ++deaths) {
    DieAt(7, false);
    Open();
    EXPECT_EQ(box_->last_death()->crash, "");
    EXPECT_EQ(box_->last_death()->work[0].suspect->death_count, deaths);
    EXPECT_EQ(box_->last_death()->work[1].suspect->death_count, deaths);
    EXPECT_TRUE(Guilty().empty());
    Kill();
  }
  DieAt(7, false);
  Open();
  EXPECT_EQ(Guilty().size(), 2u);
}

TEST_F(BlackBoxTest, ManyDeathsOfManyMessagesConvictNone) {
  for (uint64_t message = 1; message < 1000; ++message) DieAt(message, false);
  Open();
  for (const Suspect& who : Guilty()) EXPECT_EQ(who.kind, SuspectKind::kPeer);
}

// The death is read once, although who reads it may die before the end: a life counts once.
TEST_F(BlackBoxTest, ALifeIsCountedOnce) {
  std::vector<Suspect> places(4);
  CrashBook book(places);
  const WorkSlot work = {.stage = WorkStage::kRelaying, .message = 7};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(book.Count(work, true, 1)->crash_count, 1u);
  EXPECT_EQ(book.Count(work, true, 2)->crash_count, 2u);
}

TEST_F(BlackBoxTest, AnotherVersionReadsRecordsAgain) {
  for (int i = 0; i < 2; ++i) {
    Open();
    const WorkScope reading(relay_, WorkStage::kReading, MessageId{});
    relay_->log = 1;
    relay_->NotePosition(uint64_t{3} << 32 | 64);
    box_->NoteCrash(relay_, "*** SIGABRT ***");
    disk_.Kill();
  }
  Open();
  ASSERT_EQ(Guilty().size(), 1u);
  EXPECT_EQ(Guilty()[0].kind, SuspectKind::kRecord);
  EXPECT_EQ(Guilty()[0].log, 1u);
  EXPECT_EQ(Guilty()[0].key, uint64_t{3} << 32 | 64);
  box_.reset();
  Open("1.1");
  EXPECT_TRUE(Guilty().empty());
}

TEST_F(BlackBoxTest, AFullBookForgetsTheOldestWhoIsNotConvicted) {
  std::vector<Suspect> places(3);
  CrashBook book(places);
  const auto work = [](uint64_t message) { return WorkSlot{.stage = WorkStage::kRelaying, .message = message}; };
  book.Count(work(7), true, 1);
  book.Count(work(7), true, 2);
  for (uint64_t life = 3; life < 100; ++life) book.Count(work(life + 1000), false, life);
  ASSERT_EQ(book.Guilty().size(), 1u);
  EXPECT_EQ(book.Guilty()[0].key, 7u);
  EXPECT_EQ(book.Count(work(1000 + 99), false, 100)->death_count, 2u);
  EXPECT_EQ(book.Count(work(1000 + 3), false, 101)->death_count, 1u);
}

TEST_F(BlackBoxTest, ManyThreadsAndLongTextsAreCut) {
  Open();
  for (size_t i = 2; i < BlackBox::kSlotCount; ++i) EXPECT_NE(box_->TakeSlot("one"), nullptr);
  EXPECT_EQ(box_->TakeSlot("too many"), nullptr);
  const std::string text(5000, 'x');
  for (int i = 0; i < 3; ++i) box_->NoteCrash(nullptr, text);
  Kill();
  Open();
  EXPECT_EQ(box_->last_death()->crash.size(), BlackBox::kCrashTextSizeMax);
}

// After a power cut any mixture of old, new and nothing is there, and after a bad one anything.
TEST_F(BlackBoxTest, RubbishConvictsNobody) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200; ++i) {
    DieAt(static_cast<uint64_t>(i) + 1, i % 2 == 0);
    disk_.PowerCut(random);
    box_.reset();
    auto shared = *(*disk_.Open("/data/crashes"))->OpenShared(std::string(BlackBox::kFileName), BlackBox::FileSize());
    const std::span<char> bytes = shared->bytes().subspan(8);  // the rest says nothing without the magic number
    for (int j = 0; j < 2000; ++j) bytes[random() % bytes.size()] = static_cast<char>(random());
    Open();
    for (const Suspect& who : Guilty()) EXPECT_EQ(who.kind, SuspectKind::kPeer);
    Kill();
  }
}

}  // namespace
}  // namespace postern
