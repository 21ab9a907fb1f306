#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "store/file.h"
#include "store/mount_linux.h"

namespace postern {
namespace {

constexpr size_t kIovecCountMax = 1024;  // IOV_MAX of Linux
constexpr std::string_view kLockName = "lock";

absl::Status SystemError(std::string_view call, const std::string& path, int code) {
  const std::string text = absl::StrCat(path, ": ", call, ": ", strerror(code));
  switch (code) {
    case ENOSPC:
    case EDQUOT: return absl::ResourceExhaustedError(text);
    case ENOENT: return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
    case EROFS: return absl::PermissionDeniedError(text);
    case EEXIST: return absl::AlreadyExistsError(text);
    default: return absl::InternalError(text);
  }
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }

  absl::StatusOr<size_t> ReadAt(std::span<char> bytes, uint64_t offset) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count = pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError("read", path_, errno);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

  absl::Status WriteAt(std::span<const std::string_view> pieces, uint64_t offset) override {
    std::array<iovec, kIovecCountMax> vectors;
    size_t skip = 0;  // bytes of the first piece that a short write has taken already
    while (!pieces.empty()) {
      const size_t count = std::min(pieces.size(), kIovecCountMax);
      for (size_t i = 0; i < count; ++i) {
        const std::string_view piece = i == 0 ? pieces[i].substr(skip) : pieces[i];
        vectors[i] = {.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()};
      }
      const ssize_t written = pwritev(fd_, vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return SystemError("write", path_, errno);
      size_t rest = static_cast<size_t>(written) + skip;
      if (written == 0 && pieces[0].size() > skip) return SystemError("write", path_, EIO);  // would never end
      offset += static_cast<uint64_t>(written);
      while (!pieces.empty() && rest >= pieces[0].size()) {
        rest -= pieces[0].size();
        pieces = pieces.subspan(1);
      }
      skip = rest;
    }
    return absl::OkStatus();
  }

  void StartSync() override {
    // A hint only: Sync() tells what went wrong.
    [[maybe_unused]] const int ignored = sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);
  }

  absl::Status Sync() override {
    if (fdatasync(fd_) != 0) return SystemError("fdatasync", path_, errno);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    struct stat info;
    if (fstat(fd_, &info) != 0) return SystemError("stat", path_, errno);
    return static_cast<uint64_t>(info.st_size);
  }

 private:
  const int fd_;
  const std::string path_;
};

class PosixSharedBytes final : public SharedBytes {
 public:
  explicit PosixSharedBytes(std::span<char> bytes) : bytes_(bytes) {}
  ~PosixSharedBytes() override { munmap(bytes_.data(), bytes_.size()); }

  std::span<char> bytes() const override { return bytes_; }

 private:
  const std::span<char> bytes_;
};

class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  ~PosixLock() override { ::close(fd_); }

 private:
  const int fd_;
};

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixDirectory() override { ::close(fd_); }

  const std::string& path() const override { return path_; }

  absl::StatusOr<std::vector<std::string>> List() override {
    DIR* dir = opendir(path_.c_str());
    if (dir == nullptr) return SystemError("opendir", path_, errno);
    const auto close = absl::MakeCleanup([dir] { closedir(dir); });
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return SystemError("readdir", path_, errno);
    return names;
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override { return Open(name, O_RDONLY); }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) override { return Open(name, O_RDWR); }

  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& name, uint64_t preallocate_size) override {
    const int fd = openat(fd_, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return SystemError("create", PathOf(name), errno);
    auto file = std::make_unique<PosixFile>(fd, PathOf(name));
    if (absl::Status status = Reserve(fd, name, preallocate_size); !status.ok()) {
      unlinkat(fd_, name.c_str(), 0);
      return status;
    }
    return file;
  }

  absl::StatusOr<std::unique_ptr<SharedBytes>> OpenShared(const std::string& name, size_t size) override {
    const int fd = openat(fd_, name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return SystemError("open", PathOf(name), errno);
    const auto close = absl::MakeCleanup([fd] { ::close(fd); });
    // A store to a page that finds no room on the disk is a signal, not an error: so the room is taken here.
    if (absl::Status status = Reserve(fd, name, size); !status.ok()) return status;
    void* const start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (start == MAP_FAILED) return SystemError("mmap", PathOf(name), errno);
    return std::make_unique<PosixSharedBytes>(std::span(static_cast<char*>(start), size));
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (renameat(fd_, from.c_str(), fd_, to.c_str()) != 0) return SystemError("rename", PathOf(from), errno);
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& name) override {
    if (unlinkat(fd_, name.c_str(), 0) != 0) return SystemError("unlink", PathOf(name), errno);
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (fsync(fd_) != 0) return SystemError("fsync", path_, errno);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Directory>> OpenSubdirectory(const std::string& name) override {
    // When it was there already, Sync() makes its name a fact: who opens many folders calls it once.
    if (mkdirat(fd_, name.c_str(), 0700) == 0) {
      if (absl::Status status = Sync(); !status.ok()) return status;
    } else if (errno != EEXIST) {
      return SystemError("mkdir", PathOf(name), errno);
    }
    const int fd = openat(fd_, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return SystemError("open", PathOf(name), errno);
    return std::make_unique<PosixDirectory>(fd, PathOf(name));
  }

  absl::StatusOr<std::unique_ptr<DirectoryLock>> TryLock() override {
    const std::string path = PathOf(std::string(kLockName));
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return SystemError("open", path, errno);
    auto lock = std::make_unique<PosixLock>(fd);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return SystemError("flock", path, errno);
      char pid[32] = "";
      const ssize_t size = pread(fd, pid, sizeof pid - 1, 0);
      const std::string_view holder(pid, size > 0 ? static_cast<size_t>(size) : 0);
      return absl::FailedPreconditionError(
          absl::StrCat(path_, ": in use by process ", holder.empty() ? "unknown" : holder,
                       "; two processes cannot share a store: stop that one, or give this one another data_dir"));
    }
    const std::string pid = absl::StrCat(getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) return SystemError("write", path, errno);
    return lock;
  }

  absl::StatusOr<uint64_t> FreeSize() override {
    struct statvfs info;
    if (fstatvfs(fd_, &info) != 0) return SystemError("statvfs", path_, errno);
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }

  absl::StatusOr<FileSystemInfo> FileSystem() override { return DescribeFileSystem(fd_, path_); }

 private:
  std::string PathOf(const std::string& name) const { return absl::StrCat(path_, "/", name); }

  absl::Status Reserve(int fd, const std::string& name, uint64_t size) const {
    int code = 0;
    do {
      code = size == 0 ? 0 : posix_fallocate(fd, 0, static_cast<off_t>(size));
    } while (code == EINTR);
    return code == 0 ? absl::OkStatus() : SystemError("fallocate", PathOf(name), code);
  }

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& name, int flags) {
    const int fd = openat(fd_, name.c_str(), flags | O_CLOEXEC);
    if (fd < 0) return SystemError("open", PathOf(name), errno);
    return std::make_unique<PosixFile>(fd, PathOf(name));
  }

  const int fd_;
  const std::string path_;
};

// The name of `path` on stable storage. A folder in which we may look up names but not read them has none of ours.
absl::Status SyncName(const std::string& path) {
  const size_t last = path.rfind('/');
  const std::string parent = last == std::string::npos ? "." : last == 0 ? "/" : path.substr(0, last);
  const int fd = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == EACCES ? absl::OkStatus() : SystemError("open", parent, errno);
  const int code = fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  // EINVAL: a file system that has no sync of folders.
  return code == 0 || code == EINVAL ? absl::OkStatus() : SystemError("fsync", parent, code);
}

// mkdir -p, and each name on stable storage, also of those that are there: a store whose folder is lost with the power
// is lost too, and whoever made one of them may have been killed before its sync.
absl::Status MakeDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST && errno != EISDIR) {
      return SystemError("mkdir", part, errno);
    }
    if (absl::Status status = SyncName(part); !status.ok()) return status;
    if (slash == std::string::npos) return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_missing = fd < 0 && errno == ENOENT;
  if (fd < 0 && !is_missing) return SystemError("open", path, errno);
  // When it is there, so are the names above it: whoever made it had synced them before.
  if (absl::Status status = is_missing ? MakeDirectories(path) : SyncName(path); !status.ok()) {
    if (fd >= 0) ::close(fd);
    return status;
  }
  if (is_missing) fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError("open", path, errno);
  return std::make_unique<PosixDirectory>(fd, path);
}

}  // namespace postern
