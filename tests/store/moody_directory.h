// Moody is a directory in front of another that fails while a test wants it to: for errors that pass.
//
// A test owns it, on its one thread, and sets its fields whenever it likes; the directory behind it outlives it.

#ifndef POSTERN_TESTS_STORE_MOODY_DIRECTORY_H_
#define POSTERN_TESTS_STORE_MOODY_DIRECTORY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/file.h"

namespace postern {

// A file whose page at `sick_offset` cannot be read.
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

// A directory that cannot be listed, or has no descriptor left, as long as a test says so.
class Moody final : public Directory {
 public:
  explicit Moody(Directory& real) : real_(real) {}
  const std::string& path() const override { return real_.path(); }
  absl::StatusOr<std::vector<std::string>> List() override {
    if (list_fails) return absl::InternalError("opendir: too many open files");
    return real_.List();
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override {
    if (open_fails) return absl::InternalError("open: too many open files");
    absl::StatusOr<std::unique_ptr<File>> file = real_.OpenForRead(name);
    if (!file.ok() || name != sick_name) return file;
    return std::make_unique<SickFile>(*std::move(file), sick_offset);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) override {
    if (open_fails) return absl::InternalError("open: too many open files");
    return real_.OpenForWrite(name);
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

  bool list_fails = false;
  bool open_fails = false;
  std::string sick_name;
  uint64_t sick_offset = 0;

 private:
  Directory& real_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_STORE_MOODY_DIRECTORY_H_
