#include "gateway/fsck_report.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace postern {
namespace {

const MessageId kMessage = {0x0006400000000100};

// One of everything.
StoreCheck Sick() {
  StoreCheck store;
  StoreCheck::Log& log = store.logs.emplace_back();
  log.path = "/var/store/0";
  log.check.record_count = 1;
  log.check.queued = {kMessage};
  log.check.spare_count = 2;
  RecoveryReport& report = log.check.report;
  report.segment_count = 3;
  report.damage = {
      {.kind = DamageKind::kBroken, .position = {3, 640}, .size = 200, .message = kMessage},
      {.kind = DamageKind::kUnreadable, .position = {4, 0}, .size = 4096, .error = "read: I/O error"},
      {.kind = DamageKind::kCutOff, .position = {5, 64}},
      {.kind = DamageKind::kGap, .position = {6, 128}, .gap_count = 7},
  };
  report.damage_count = 5;
  report.misplaced = {{.named = 7, .holds = 8}, {.named = 9, .holds = 3, .is_copy = true}};
  report.torn_size = 100;
  report.torn_at = {10, 192};
  log.check.torn_record_count = 1;
  log.check.incomplete = {{.message = kMessage, .position = {3, 0}, .piece_count = 4, .lost_count = 2}};
  log.check.end_error = absl::InternalError("read: I/O error");
  store.twice = {kMessage};
  return store;
}

TEST(FsckReport, AllIsWell) {
  StoreCheck store;
  EXPECT_EQ(FsckText(store), "all is well\n");
  store.logs.emplace_back().mended.damage_count = 1;
  EXPECT_TRUE(absl::EndsWith(FsckText(store), "all is well now\n"));
}

TEST(FsckReport, EveryFaultIsALine) {
  const std::string text = FsckText(Sick());
  const std::string id(ToText(kMessage).view());
  for (const std::string& line : {
           std::string("/var/store/0: 3 segments, 2 spare; 1 record; 1 message in the queue\n"),
           "segment 3 at 640: no record can be read there, 200 bytes, of message " + id + "\n",
           std::string("segment 4 at 0: the disk cannot read it"),
           std::string("4096 bytes: read: I/O error\n"),
           std::string("segment 5 at 64: the segment has lost its end\n"),
           std::string("segment 6 at 128: what follows the segment does not belong there"),
           std::string(", 7 records\n"),
           std::string("1 more piece\n"),
           std::string("segment 7 at 0: the file is segment 8"),
           std::string("segment 9 at 0: the file is segment 3, a copy"),
           "message " + id + ": 2 of 4 pieces",
           std::string("the end of the log: no gateway starts on it: read: I/O error\n"),
           std::string("segment 10 at 192: 100 bytes, 1 whole record"),
           "message " + id + " is in two logs",
           std::string("10 things are wrong\n"),
       }) {
    EXPECT_TRUE(absl::StrContains(text, line)) << line << "\n" << text;
  }
}

TEST(FsckReport, ProgramsReadTheSame) {
  const nlohmann::json json = nlohmann::json::parse(FsckJson(Sick()));
  EXPECT_EQ(json["faults"], 10);
  EXPECT_EQ(json["twice"].size(), 1u);
  const nlohmann::json& log = json["logs"][0];
  EXPECT_EQ(log["damage_count"], 5);
  EXPECT_EQ(log["damage"][0]["kind"], "broken");
  EXPECT_EQ(log["damage"][0]["message"], std::string(ToText(kMessage).view()));
  EXPECT_EQ(log["damage"][0]["copy"], nullptr);
  EXPECT_EQ(log["damage"][1]["error"], "read: I/O error");
  EXPECT_EQ(log["damage"][2]["kind"], "cut-off");
  EXPECT_EQ(log["damage"][3]["missing"], 7);
  EXPECT_EQ(log["misplaced"][1]["copy"], true);
  EXPECT_EQ(log["unfinished"]["records"], 1);
  EXPECT_EQ(log["incomplete"][0]["lost"], 2);
  EXPECT_EQ(log["end_error"], "read: I/O error");
}

}  // namespace
}  // namespace postern
