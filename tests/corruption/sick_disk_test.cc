// A disk that cannot read a part of a log: it may be whole another time, so it is told, and nothing of it is given up,
// by the check, by the repair, or by a start.

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "store/log_check.h"
#include "store/log_repair.h"
#include "tests/corruption/log_image.h"

namespace postern {
namespace {

class SickFile final : public File {
 public:
  SickFile(std::unique_ptr<File> real, uint64_t sick_offset) : real_(std::move(real)), sick_offset_(sick_offset) {}
  absl::StatusOr<size_t> ReadAt(std::span<char> bytes, uint64_t offset) override {
    if (offset <= sick_offset_ && sick_offset_ < offset + bytes.size()) return absl::InternalError("read: I/O error");
    return real_->ReadAt(bytes, offset);
  }
  absl::Status WriteAt(std::span<const std::string_view> pieces, uint64_t offset) override {
    return real_->WriteAt(pieces, offset);
  }
  absl::Status Sync() override { return real_->Sync(); }
  absl::StatusOr<uint64_t> Size() override { return real_->Size(); }

 private:
  const std::unique_ptr<File> real_;
  const uint64_t sick_offset_;
};

// A directory in which one byte of one file cannot be read.
class SickDirectory final : public Directory {
 public:
  SickDirectory(Directory& real, Position sick) : real_(real), sick_(sick) {}
  const std::string& path() const override { return real_.path(); }
  absl::StatusOr<std::vector<std::string>> List() override { return real_.List(); }
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override {
    return Open(name, real_.OpenForRead(name));
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) override {
    return Open(name, real_.OpenForWrite(name));
  }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& name, uint64_t size) override {
    return real_.Create(name, size);
  }
  absl::StatusOr<std::unique_ptr<SharedBytes>> OpenShared(const std::string& name, size_t size) override {
    return real_.OpenShared(name, size);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override { return real_.Rename(from, to); }
  absl::Status Remove(const std::string& name) override { return real_.Remove(name); }
  absl::Status Sync() override { return real_.Sync(); }
  absl::StatusOr<std::unique_ptr<Directory>> OpenSubdirectory(const std::string& name) override {
    return real_.OpenSubdirectory(name);
  }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> TryLock() override { return real_.TryLock(); }
  absl::StatusOr<uint64_t> FreeSize() override { return real_.FreeSize(); }
  absl::StatusOr<FileSystemInfo> FileSystem() override { return real_.FileSystem(); }

 private:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& name, absl::StatusOr<std::unique_ptr<File>> file) {
    if (!file.ok() || name != SegmentName(sick_.segment)) return file;
    return std::make_unique<SickFile>(*std::move(file), sick_.offset);
  }

  Directory& real_;
  const Position sick_;
};

TEST(SickDisk, WhatItCannotReadIsToldAndLeftAsItIs) {
  const WrittenLog log = WriteLog(1, true);
  for (const ImageRecord& record : log.records) {
    if (record.position.segment == log.last_segment) continue;
    SCOPED_TRACE(record.position.offset);
    const LaidLog laid = LayDown(log.files);
    SickDirectory sick(*laid.log, {record.position.segment, record.position.offset + 20});
    const auto mended = RepairLog(sick, *laid.quarantine);
    ASSERT_TRUE(mended.ok()) << mended.status();
    EXPECT_EQ(mended->damage_count, 0u);
    EXPECT_EQ(TakeImage(*laid.log), log.files);
    EXPECT_TRUE(laid.quarantine->List()->empty());
    const auto check = CheckLog(sick);
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
  SickDirectory sick(*laid.log, {log.last_segment, 70});
  const auto check = CheckLog(sick);
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->end_error.message(), "read: I/O error");
  EXPECT_GE(check->fault_count(), 1u);
  EXPECT_FALSE(SegmentLog::Open(sick, kImageOptions, nullptr).ok());
  EXPECT_TRUE(RepairLog(sick, *laid.quarantine).ok());
  EXPECT_EQ(TakeImage(*laid.log), log.files);
}

}  // namespace
}  // namespace postern
