// ReadOnlyView is a directory as it would be with some of its files renamed, and in which nothing can be changed.
//
// Whoever looks at a log without touching it owns one, on his thread; the real directory outlives it. What only opens
// and reads is passed on, all else is refused, so that a look cannot become more than one.

#ifndef POSTERN_STORE_READ_ONLY_VIEW_H_
#define POSTERN_STORE_READ_ONLY_VIEW_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/file.h"

namespace postern {

class ReadOnlyView final : public Directory {
 public:
  // `names`: from the name that is shown to the one that the file has. All that have one or the other are in it.
  ReadOnlyView(Directory& real, std::map<std::string, std::string> names) : real_(real), names_(std::move(names)) {}

  const std::string& path() const override { return real_.path(); }
  absl::StatusOr<std::vector<std::string>> List() override;
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override;
  absl::StatusOr<uint64_t> FreeSize() override { return real_.FreeSize(); }
  absl::StatusOr<FileSystemInfo> FileSystem() override { return real_.FileSystem(); }

  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string&) override { return Refused(); }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string&, uint64_t) override { return Refused(); }
  absl::StatusOr<std::unique_ptr<SharedBytes>> OpenShared(const std::string&, size_t) override { return Refused(); }
  absl::Status Rename(const std::string&, const std::string&) override { return Refused(); }
  absl::Status Remove(const std::string&) override { return Refused(); }
  absl::Status Sync() override { return Refused(); }
  absl::StatusOr<std::unique_ptr<Directory>> OpenSubdirectory(const std::string&) override { return Refused(); }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> TryLock() override { return Refused(); }

 private:
  absl::Status Refused() const;

  Directory& real_;
  const std::map<std::string, std::string> names_;
};

}  // namespace postern

#endif  // POSTERN_STORE_READ_ONLY_VIEW_H_
