// Directory and File are all that the store asks of a file system, so that the simulator can be one.
//
// One thread at a time uses an object, but for ReadAt(), which any number of threads may call at the same time; two
// objects of the same file may be used by two threads. Errors carry the path and the system's words: ResourceExhausted
// when there is no room, NotFound, PermissionDenied, AlreadyExists, FailedPrecondition for a lock that another process
// holds, else Internal.

#ifndef POSTERN_STORE_FILE_H_
#define POSTERN_STORE_FILE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace postern {

class File {
 public:
  virtual ~File() = default;

  // How many bytes were read: fewer than asked for only at the end of the file.
  virtual absl::StatusOr<size_t> ReadAt(std::span<char> bytes, uint64_t offset) = 0;
  // All pieces one behind the other, or an error; after an error any part of them may have been written.
  virtual absl::Status WriteAt(std::span<const std::string_view> pieces, uint64_t offset) = 0;
  // A Sync() will follow soon: whoever syncs many files starts all of them first, and waits once instead of for each.
  virtual void StartSync() {}
  // What was written is on stable storage, with as much metadata as it takes to read it. After an error trust nothing.
  virtual absl::Status Sync() = 0;
  virtual absl::StatusOr<uint64_t> Size() = 0;
};

// Bytes that lie in memory and in a file at once: what is stored there with plain stores is found by the next process,
// also when this one is killed. After a power cut anything may be found. The one object whose bytes several threads
// use, each its own.
class SharedBytes {
 public:
  virtual ~SharedBytes() = default;
  virtual std::span<char> bytes() const = 0;  // until the object goes
};

class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class WriteCache : uint8_t {
  kUnknown,
  kNone,  // or one that writes through: what the device has taken is on stable storage
  kBack,  // it keeps what was written for a while, and only a flush command makes it stable
};

// What lies under a directory, as far as the system tells. What it does not tell is left at its default.
struct FileSystemInfo {
  std::string type;         // "ext4", "tmpfs", ... or a number when we do not know it
  std::string device = {};  // what it lies on: "/dev/sda1", "server:/export"
  bool volatile_ = false;   // gone after a power cut: lies in memory
  bool network = false;
  bool overlay = false;
  std::optional<bool> barriers = {};  // false: a sync sends no flush to the device
  WriteCache write_cache = WriteCache::kUnknown;
};

class Directory {
 public:
  virtual ~Directory() = default;

  virtual const std::string& path() const = 0;
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;  // files and folders, unordered
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) = 0;
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) = 0;
  // A new file with `preallocate_size` bytes reserved on the disk. Removes what it made when that fails.
  virtual absl::StatusOr<std::unique_ptr<File>> Create(const std::string& name, uint64_t preallocate_size) = 0;
  // The bytes of `name`, `size` of them, made with zeros where they are missing; their room is reserved on the disk.
  virtual absl::StatusOr<std::unique_ptr<SharedBytes>> OpenShared(const std::string& name, size_t size) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  virtual absl::Status Remove(const std::string& name) = 0;
  // Names made, changed and removed are on stable storage.
  virtual absl::Status Sync() = 0;
  // Makes it when it is missing, mode 0700.
  virtual absl::StatusOr<std::unique_ptr<Directory>> OpenSubdirectory(const std::string& name) = 0;
  virtual absl::StatusOr<std::unique_ptr<DirectoryLock>> TryLock() = 0;
  virtual absl::StatusOr<uint64_t> FreeSize() = 0;  // bytes that we could still write
  virtual absl::StatusOr<FileSystemInfo> FileSystem() = 0;
};

// The folder at `path`, made with its parents when missing, mode 0700.
absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path);

}  // namespace postern

#endif  // POSTERN_STORE_FILE_H_
