// ForwardingDirectory hands every call on to another directory: for tests, which change the one or two that they are
// about.
//
// A test owns it, on its one thread; the directory behind it outlives it.

#ifndef POSTERN_TESTS_STORE_FORWARDING_DIRECTORY_H_
#define POSTERN_TESTS_STORE_FORWARDING_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/file.h"

namespace postern {

class ForwardingDirectory : public Directory {
 public:
  explicit ForwardingDirectory(Directory& real) : real_(real) {}
  const std::string& path() const override { return real_.path(); }
  absl::StatusOr<std::vector<std::string>> List() override { return real_.List(); }
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override {
    return real_.OpenForRead(name);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) override {
    return real_.OpenForWrite(name);
  }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& name, uint64_t preallocate_size) override {
    return real_.Create(name, preallocate_size);
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
  Directory& real_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_STORE_FORWARDING_DIRECTORY_H_
