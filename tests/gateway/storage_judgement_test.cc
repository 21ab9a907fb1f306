#include "gateway/storage_judgement.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/clock.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

StorageReport Good() {
  StorageReport report;
  report.path = "/srv/store";
  report.file_system = {.type = "ext4", .device = "/dev/sda1", .barriers = true, .write_cache = WriteCache::kBack};
  report.sync_duration = std::chrono::microseconds(2150);
  return report;
}

StorageReport Doubtful() {
  StorageReport report = Good();
  report.doubts = {"one thing", "another thing"};
  return report;
}

class StorageJudgementTest : public testing::Test {
 protected:
  std::string Tell(const StorageReport& report) {
    std::string lines;
    const SystemClock clock;
    EventLog events(clock, [&](std::string_view line) { absl::StrAppend(&lines, line.substr(line.find("event="))); });
    TellStorage(report, events);
    return lines;
  }
};

TEST_F(StorageJudgementTest, AGoodStoreIsToldInOneLine) {
  EXPECT_EQ(Tell(Good()),
            "event=1002 name=storage dir=/srv/store file_system=ext4 device=/dev/sda1 barriers=on write_cache=on "
            "sync_us=2150 durable=yes\n");
}

TEST_F(StorageJudgementTest, EachDoubtHasALine) {
  StorageReport report = Doubtful();
  report.file_system = {.type = "unknown"};
  report.sync_duration.reset();
  EXPECT_EQ(Tell(report),
            "event=1002 name=storage dir=/srv/store file_system=unknown device=unknown barriers=unknown "
            "write_cache=unknown sync_us=unknown durable=doubtful\n"
            "event=3018 name=low-disk dir=/srv/store text=\"one thing\"\n"
            "event=3018 name=low-disk dir=/srv/store text=\"another thing\"\n");
}

TEST_F(StorageJudgementTest, OnlyAStrictConfigurationRefusesAndOnlyWhatIsDoubted) {
  EXPECT_TRUE(JudgeStorage(Good(), Durability::kStrict).ok());
  EXPECT_TRUE(JudgeStorage(Doubtful(), Durability::kWarn).ok());
  const absl::Status refusal = JudgeStorage(Doubtful(), Durability::kStrict);
  EXPECT_TRUE(absl::IsInvalidArgument(refusal));
  EXPECT_EQ(refusal.message(),
            "store.durability = \"strict\", and mail may not survive here:\n  one thing\n  another thing\n"
            "Give it another data_dir, or say durability = \"warn\" to serve all the same");
}

TEST_F(StorageJudgementTest, AStoreThatIsNotThereIsJudgedByTheFolderAboveAndNotMade) {
  const std::string scratch = absl::StrCat(std::getenv("TEST_TMPDIR"), "/place");
  std::filesystem::create_directories(scratch);
  Config config;
  config.data_dir = scratch + "/not/yet";
  const SystemClock clock;
  absl::StatusOr<StorageReport> report = FindStorage(config, &clock);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->path, scratch);
  EXPECT_EQ(report->sync_duration, std::nullopt) << "it wrote into a folder that is not its own";
  EXPECT_TRUE(std::filesystem::is_empty(scratch));

  std::filesystem::create_directories(config.store_dir());
  report = FindStorage(config, &clock);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->path, config.store_dir());
  EXPECT_NE(report->sync_duration, std::nullopt);
  EXPECT_TRUE(absl::StartsWith(DescribeToOperator(*report), absl::StrCat(config.store_dir(), ": ")));
  EXPECT_TRUE(std::filesystem::is_empty(config.store_dir()));
  EXPECT_EQ(FindStorage(config, nullptr)->sync_duration, std::nullopt);

  config.data_dir = "nowhere/at/all";
  EXPECT_EQ(FindStorage(config, nullptr)->path, ".");
}

}  // namespace
}  // namespace postern
