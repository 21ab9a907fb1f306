// Moody is a directory in front of another that fails while a test wants it to: for errors that pass.
//
// A test owns it, on its one thread, and sets its fields whenever it likes; it outlives the files that it opens, and
// the directory behind it outlives it.

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
#include "tests/store/forwarding_directory.h"

namespace postern {

// A directory that cannot be listed, has no descriptor left, or cannot read one place, as long as a test says so.
class Moody final : public ForwardingDirectory {
 public:
  using ForwardingDirectory::ForwardingDirectory;
  absl::StatusOr<std::vector<std::string>> List() override {
    if (list_fails) return absl::InternalError("opendir: too many open files");
    return ForwardingDirectory::List();
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override {
    return Open(name, ForwardingDirectory::OpenForRead(name));
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) override {
    return Open(name, ForwardingDirectory::OpenForWrite(name));
  }

  bool list_fails = false;
  bool open_fails = false;
  std::string sick_name;  // whose byte at `sick_offset` cannot be read, with all that is read together with it
  uint64_t sick_offset = 0;
  uint64_t failure_count = 0;  // of reads

 private:
  class OpenFile final : public File {
   public:
    OpenFile(Moody& moody, std::string name, std::unique_ptr<File> real)
        : moody_(moody), name_(std::move(name)), real_(std::move(real)) {}
    absl::StatusOr<size_t> ReadAt(std::span<char> bytes, uint64_t offset) override {
      const bool is_there = offset <= moody_.sick_offset && moody_.sick_offset < offset + bytes.size();
      if (name_ == moody_.sick_name && is_there) {
        ++moody_.failure_count;
        return absl::InternalError("read: I/O error");
      }
      return real_->ReadAt(bytes, offset);
    }
    absl::Status WriteAt(std::span<const std::string_view> pieces, uint64_t offset) override {
      return real_->WriteAt(pieces, offset);
    }
    void StartSync() override { real_->StartSync(); }
    absl::Status Sync() override { return real_->Sync(); }
    absl::StatusOr<uint64_t> Size() override { return real_->Size(); }

   private:
    Moody& moody_;
    const std::string name_;
    const std::unique_ptr<File> real_;
  };

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& name, absl::StatusOr<std::unique_ptr<File>> real) {
    if (open_fails) return absl::InternalError("open: too many open files");
    if (!real.ok()) return real;
    return std::make_unique<OpenFile>(*this, name, *std::move(real));
  }
};

}  // namespace postern

#endif  // POSTERN_TESTS_STORE_MOODY_DIRECTORY_H_
