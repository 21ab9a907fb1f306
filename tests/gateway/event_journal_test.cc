#include "gateway/event_journal.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

TEST(EventJournal, TheSystemsLogGetsTheNumberAndTheLineWithoutItsTime) {
  const auto entry = ToJournalEntry("2026-11-25T16:04:05.123456Z event=4007 name=cannot-bind address=0.0.0.0:25");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->number, 4007);
  EXPECT_EQ(entry->level, JournalLevel::kError);
  EXPECT_EQ(entry->text, "event=4007 name=cannot-bind address=0.0.0.0:25");
  EXPECT_EQ(ToJournalEntry("T event=1000 name=started")->level, JournalLevel::kInformation);
  EXPECT_EQ(ToJournalEntry("T event=1004 name=cannot-start")->level, JournalLevel::kError);
  EXPECT_EQ(ToJournalEntry("T event=3010 name=connect-failed")->level, JournalLevel::kWarning);
  EXPECT_EQ(ToJournalEntry("T event=3018")->level, JournalLevel::kError);
}

TEST(EventJournal, TrafficAndTalkForPeopleStayOut) {
  for (const char* line : {"T event=2000 name=x", "T event=2002 name=received", "T event=2999", "T event=3999", "",
                           "words", "127.0.0.1:25 (IPv4) is held by another program", "T event=",
                           "T event=99999 name=x", "T event=-1 name=x", "postern: 3 event lines were dropped"}) {
    EXPECT_EQ(ToJournalEntry(line), std::nullopt) << line;
  }
}

TEST(EventJournal, WhatAnyStrangerBringsAboutStaysOutAndWhatOursMeetDoesNot) {
  for (const char* line :
       {"T event=4031 name=rejected dir=in peer=192.0.2.1", "T event=4051 name=timed-out dir=in peer=192.0.2.1",
        "T event=4098 name=too-many-hops dir=in peer=192.0.2.1", "T event=1015 name=reported dir=out id=1"}) {
    EXPECT_EQ(ToJournalEntry(line), std::nullopt) << line;
  }
  for (const char* line :
       {"T event=4031 name=rejected dir=out text=\"a dir=in b\"", "T event=4051 name=timed-out dir=out host=x",
        "T event=4098 name=too-many-hops dir=out id=1", "T event=3010 name=connect-failed dir=in text=x",
        "T event=1014 name=dead-letter dir=out id=1"}) {
    EXPECT_TRUE(ToJournalEntry(line).has_value()) << line;
  }
}

TEST(EventJournal, ABatchIsTakenLineByLine) {
  std::vector<std::string> told;
  SendToJournal("T event=1000 a\nT event=2002 b\n  pid 4711\nT event=1001 c\n",
                [&told](const JournalEntry& entry) { told.push_back(absl::StrCat(entry.number, "|", entry.text)); });
  EXPECT_EQ(told, (std::vector<std::string>{"1000|event=1000 a", "1001|event=1001 c"}));
}

}  // namespace
}  // namespace postern
