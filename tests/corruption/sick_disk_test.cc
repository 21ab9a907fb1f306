// A disk that cannot read a part of a log: it may be whole another time, so it is told, and nothing of it is given up,
// by the check, by the repair, or by a start.

#include <memory>

#include "gtest/gtest.h"
#include "store/log_check.h"
#include "store/log_repair.h"
#include "tests/corruption/log_image.h"
#include "tests/store/moody_directory.h"

namespace postern {
namespace {

// A byte of it cannot be read.
std::unique_ptr<Moody> SickAt(Directory& real, Position sick) {
  auto directory = std::make_unique<Moody>(real);
  directory->sick_name = SegmentName(sick.segment);
  directory->sick_offset = sick.offset;
  return directory;
}

TEST(SickDisk, WhatItCannotReadIsToldAndLeftAsItIs) {
  const WrittenLog log = WriteLog(1, true);
  for (const ImageRecord& record : log.records) {
    if (record.position.segment == log.last_segment) continue;
    SCOPED_TRACE(record.position.offset);
    const LaidLog laid = LayDown(log.files);
    const auto sick = SickAt(*laid.log, {record.position.segment, record.position.offset + 20});
    const auto mended = RepairLog(*sick, *laid.quarantine);
    ASSERT_TRUE(mended.ok()) << mended.status();
    EXPECT_EQ(mended->damage_count, 0u);
    EXPECT_EQ(TakeImage(*laid.log), log.files);
    EXPECT_TRUE(laid.quarantine->List()->empty());
    const auto check = CheckLog(*sick);
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_TRUE(check->end_error.ok());
    ASSERT_EQ(check->report.damage.size(), 1u);
    EXPECT_EQ(check->report.damage[0].kind, DamageKind::kUnreadable);
    EXPECT_EQ(check->report.damage[0].error, "read: I/O error");
    EXPECT_EQ(CheckLog(*laid.log)->fault_count(), 0u) << "another time it is whole";
  }
}

TEST(SickDisk, AnEndThatItCannotReadStopsTheStart) {
  const WrittenLog log = WriteLog(1, false);
  const LaidLog laid = LayDown(log.files);
  const auto sick = SickAt(*laid.log, {log.last_segment, 70});
  const auto check = CheckLog(*sick);
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->end_error.message(), "read: I/O error");
  EXPECT_GE(check->fault_count(), 1u);
  EXPECT_FALSE(SegmentLog::Open(*sick, kImageOptions, nullptr).ok());
  EXPECT_TRUE(RepairLog(*sick, *laid.quarantine).ok());
  EXPECT_EQ(TakeImage(*laid.log), log.files);
}

}  // namespace
}  // namespace postern
