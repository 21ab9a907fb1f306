#include <windows.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "store/file.h"
#include "store/system_call_win.h"
#include "store/volume_win.h"

namespace postern {
namespace {

// What is smaller is copied together, for a call costs more than that; a whole block of a body goes as it is.
constexpr size_t kGatherSize = 32 * 1024;
constexpr std::string_view kLockName = "lock";
// The byte that is locked lies far behind the holder's number, which others may read.
constexpr uint64_t kLockOffset = uint64_t{1} << 32;
// Our own never keep a name from being moved: all that we open may be written, renamed and removed meanwhile.
constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
// A scanner or an indexer opens what is new for a moment, and who would move it then is refused.
constexpr DWORD kScannerPatienceMs = 1000;
constexpr DWORD kScannerPauseMs = 10;

OVERLAPPED At(uint64_t offset) {
  OVERLAPPED at{};
  at.Offset = static_cast<DWORD>(offset);
  at.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return at;
}

// Reserves what it adds: a file that is not sparse has its clusters from here on, and reads as zeros.
bool Resize(HANDLE file, uint64_t size) {
  FILE_END_OF_FILE_INFO end;
  end.EndOfFile.QuadPart = static_cast<LONGLONG>(size);
  return SetFileInformationByHandle(file, FileEndOfFileInfo, &end, sizeof end);
}

// Tries `call` again while another program has the file open in a way that excludes us.
template <typename Call>
bool Patiently(const Call& call) {
  for (DWORD waited_ms = 0;; waited_ms += kScannerPauseMs) {
    if (call()) return true;
    const DWORD code = GetLastError();
    const bool may_pass = code == ERROR_SHARING_VIOLATION || code == ERROR_ACCESS_DENIED;
    if (!may_pass || waited_ms >= kScannerPatienceMs) return false;
    Sleep(kScannerPauseMs);
  }
}

// For flushing, which asks for a right to write.
WinHandle OpenFolder(const std::wstring& native, DWORD access = GENERIC_READ | GENERIC_WRITE) {
  return WinHandle(
      CreateFileW(native.c_str(), access, kShareAll, nullptr, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr));
}

class WinFile final : public File {
 public:
  WinFile(WinHandle handle, std::string path) : handle_(std::move(handle)), path_(std::move(path)) {}

  HANDLE handle() const { return handle_.get(); }

  absl::StatusOr<size_t> ReadAt(std::span<char> bytes, uint64_t offset) override {
    size_t done = 0;
    while (done < bytes.size()) {
      OVERLAPPED at = At(offset + done);
      const auto want = static_cast<DWORD>(std::min<size_t>(bytes.size() - done, 1u << 30));
      DWORD count = 0;
      if (!ReadFile(handle_.get(), bytes.data() + done, want, &count, &at)) {
        if (GetLastError() == ERROR_HANDLE_EOF) break;
        return WinError("read", path_);
      }
      if (count == 0) break;
      done += count;
    }
    return done;
  }

  absl::Status WriteAt(std::span<const std::string_view> pieces, uint64_t offset) override {
    std::array<char, kGatherSize> gathered;
    size_t size = 0;
    const auto flush = [&] { return WriteAll({gathered.data(), std::exchange(size, 0)}, offset); };
    for (const std::string_view piece : pieces) {
      if (size + piece.size() > kGatherSize && !flush()) return WinError("write", path_);
      if (piece.size() >= kGatherSize) {
        if (!WriteAll(piece, offset)) return WinError("write", path_);
      } else if (!piece.empty()) {
        std::memcpy(gathered.data() + size, piece.data(), piece.size());
        size += piece.size();
      }
    }
    return flush() ? absl::OkStatus() : WinError("write", path_);
  }

  absl::Status Sync() override {
    return FlushFileBuffers(handle_.get()) ? absl::OkStatus() : WinError("FlushFileBuffers", path_);
  }

  absl::StatusOr<uint64_t> Size() override {
    LARGE_INTEGER size;
    if (!GetFileSizeEx(handle_.get(), &size)) return WinError("size", path_);
    return static_cast<uint64_t>(size.QuadPart);
  }

 private:
  // Moves `offset` behind what was written.
  bool WriteAll(std::string_view bytes, uint64_t& offset) {
    while (!bytes.empty()) {
      OVERLAPPED at = At(offset);
      DWORD count = 0;
      const auto want = static_cast<DWORD>(std::min<size_t>(bytes.size(), 1u << 30));
      if (!WriteFile(handle_.get(), bytes.data(), want, &count, &at)) return false;
      if (count == 0) {  // would never end
        SetLastError(ERROR_WRITE_FAULT);
        return false;
      }
      bytes.remove_prefix(count);
      offset += count;
    }
    return true;
  }

  const WinHandle handle_;
  const std::string path_;
};

class WinSharedBytes final : public SharedBytes {
 public:
  explicit WinSharedBytes(std::span<char> bytes) : bytes_(bytes) {}
  ~WinSharedBytes() override { UnmapViewOfFile(bytes_.data()); }

  std::span<char> bytes() const override { return bytes_; }

 private:
  const std::span<char> bytes_;
};

class WinLock final : public DirectoryLock {
 public:
  explicit WinLock(std::unique_ptr<WinFile> file) : file_(std::move(file)) {}

 private:
  const std::unique_ptr<WinFile> file_;
};

class WinDirectory final : public Directory {
 public:
  WinDirectory(WinHandle handle, std::string path) : handle_(std::move(handle)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

  absl::StatusOr<std::vector<std::string>> List() override {
    WIN32_FIND_DATAW entry;
    const HANDLE search = FindFirstFileExW(NativePath(PathOf("*")).c_str(), FindExInfoBasic, &entry,
                                           FindExSearchNameMatch, nullptr, FIND_FIRST_EX_LARGE_FETCH);
    if (search == INVALID_HANDLE_VALUE) return WinError("list", path_);
    const auto close = absl::MakeCleanup([search] { FindClose(search); });
    std::vector<std::string> names;
    do {
      std::string name = FromWide(entry.cFileName);
      if (name != "." && name != "..") names.push_back(std::move(name));
    } while (FindNextFileW(search, &entry));
    if (GetLastError() != ERROR_NO_MORE_FILES) return WinError("list", path_);
    return names;
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override {
    return OpenFile(name, GENERIC_READ);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) override {
    return OpenFile(name, GENERIC_READ | GENERIC_WRITE);
  }

  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& name, uint64_t preallocate_size) override {
    WinHandle handle = Open(name, GENERIC_READ | GENERIC_WRITE, kShareAll, CREATE_NEW);
    if (!handle.valid()) return WinError("create", PathOf(name));
    if (preallocate_size > 0 && !Resize(handle.get(), preallocate_size)) {
      const absl::Status status = WinError("reserve", PathOf(name));
      DeleteFileW(NativePath(PathOf(name)).c_str());
      return status;
    }
    return std::make_unique<WinFile>(std::move(handle), PathOf(name));
  }

  absl::StatusOr<std::unique_ptr<SharedBytes>> OpenShared(const std::string& name, size_t size) override {
    const WinHandle handle = Open(name, GENERIC_READ | GENERIC_WRITE, kShareAll, OPEN_ALWAYS);
    if (!handle.valid()) return WinError("open", PathOf(name));
    LARGE_INTEGER now;
    if (!GetFileSizeEx(handle.get(), &now)) return WinError("size", PathOf(name));
    if (static_cast<uint64_t>(now.QuadPart) < size && !Resize(handle.get(), size)) {
      return WinError("reserve", PathOf(name));
    }
    const WinHandle mapping(CreateFileMappingW(handle.get(), nullptr, PAGE_READWRITE, 0, 0, nullptr));
    void* const start = mapping.valid() ? MapViewOfFile(mapping.get(), FILE_MAP_WRITE, 0, 0, size) : nullptr;
    if (start == nullptr) return WinError("map", PathOf(name));
    return std::make_unique<WinSharedBytes>(std::span(static_cast<char*>(start), size));
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    const std::wstring source = NativePath(PathOf(from));
    const std::wstring target = NativePath(PathOf(to));
    const bool done = Patiently([&] { return MoveFileExW(source.c_str(), target.c_str(), MOVEFILE_REPLACE_EXISTING); });
    return done ? absl::OkStatus() : WinError("rename", PathOf(from));
  }

  absl::Status Remove(const std::string& name) override {
    const std::wstring path = NativePath(PathOf(name));
    return Patiently([&] { return DeleteFileW(path.c_str()); }) ? absl::OkStatus() : WinError("remove", PathOf(name));
  }

  absl::Status Sync() override {
    return FlushFileBuffers(handle_.get()) ? absl::OkStatus() : WinError("FlushFileBuffers", path_);
  }

  absl::StatusOr<std::unique_ptr<Directory>> OpenSubdirectory(const std::string& name) override {
    return OpenDirectory(PathOf(name));
  }

  absl::StatusOr<std::unique_ptr<DirectoryLock>> TryLock() override {
    const std::string name(kLockName);
    // Who would remove it meanwhile is refused: the file that is locked is the one that lies there.
    WinHandle handle = Open(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, OPEN_ALWAYS);
    if (!handle.valid()) return WinError("open", PathOf(name));
    auto file = std::make_unique<WinFile>(std::move(handle), PathOf(name));
    OVERLAPPED at = At(kLockOffset);
    if (!LockFileEx(file->handle(), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)) {
      if (GetLastError() != ERROR_LOCK_VIOLATION) return WinError("lock", PathOf(name));
      std::array<char, 32> pid;
      const std::string_view holder(pid.data(), file->ReadAt(pid, 0).value_or(0));
      return absl::FailedPreconditionError(
          absl::StrCat(path_, ": in use by process ", holder.empty() ? "unknown" : holder,
                       "; two processes cannot share a store: stop that one, or give this one another data_dir"));
    }
    if (!Resize(file->handle(), 0)) return WinError("write", PathOf(name));
    const std::string pid = absl::StrCat(GetCurrentProcessId());
    const std::string_view piece = pid;
    if (absl::Status status = file->WriteAt({&piece, 1}, 0); !status.ok()) return status;
    return std::make_unique<WinLock>(std::move(file));
  }

  absl::StatusOr<uint64_t> FreeSize() override {
    ULARGE_INTEGER free_size;
    if (!GetDiskFreeSpaceExW(NativePath(path_).c_str(), &free_size, nullptr, nullptr)) {
      return WinError("GetDiskFreeSpaceEx", path_);
    }
    return free_size.QuadPart;
  }

  absl::StatusOr<FileSystemInfo> FileSystem() override { return DescribeVolume(path_); }

 private:
  std::string PathOf(const std::string& name) const { return absl::StrCat(path_, "/", name); }

  WinHandle Open(const std::string& name, DWORD access, DWORD share, DWORD disposition) {
    return WinHandle(CreateFileW(NativePath(PathOf(name)).c_str(), access, share, nullptr, disposition,
                                 FILE_ATTRIBUTE_NORMAL, nullptr));
  }

  absl::StatusOr<std::unique_ptr<File>> OpenFile(const std::string& name, DWORD access) {
    WinHandle handle = Open(name, access, kShareAll, OPEN_EXISTING);
    if (!handle.valid()) return WinError("open", PathOf(name));
    return std::make_unique<WinFile>(std::move(handle), PathOf(name));
  }

  const WinHandle handle_;
  const std::string path_;
};

// As mode 0700 elsewhere: for us, the machine's administrators and the system alone, and so is all that is made in it.
absl::Status MakeOne(const std::wstring& native, const std::string& path) {
  const absl::StatusOr<PrivateAccess> access = PrivateAccess::Make();
  if (!access.ok()) return access.status();
  SECURITY_ATTRIBUTES attributes = access->attributes();
  if (!CreateDirectoryW(native.c_str(), &attributes)) {
    return GetLastError() == ERROR_ALREADY_EXISTS ? absl::OkStatus() : WinError("create", path);
  }
  // Who may make folders in it need not be allowed to make files: the root of a drive is so.
  const WinHandle parent = OpenFolder(native.substr(0, native.find_last_of(L'\\') + 1), FILE_ADD_SUBDIRECTORY);
  if (!parent.valid() && GetLastError() == ERROR_ACCESS_DENIED) return absl::OkStatus();
  if (!parent.valid() || !FlushFileBuffers(parent.get())) return WinError("sync the folder above", path);
  return absl::OkStatus();
}

// With its parents, and each new name on stable storage: a store whose folder is lost with the power is lost too.
absl::Status MakeDirectories(const std::wstring& native, const std::string& path) {
  const absl::Status made = MakeOne(native, path);
  if (!absl::IsNotFound(made)) return made;
  const size_t last = native.find_last_of(L'\\');
  if (last == std::wstring::npos) return made;
  if (absl::Status status = MakeDirectories(native.substr(0, last), path); !status.ok()) return status;
  return MakeOne(native, path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path) {
  const std::wstring native = NativePath(path);
  WinHandle handle = OpenFolder(native);
  if (!handle.valid() && (GetLastError() == ERROR_FILE_NOT_FOUND || GetLastError() == ERROR_PATH_NOT_FOUND)) {
    if (absl::Status status = MakeDirectories(native, path); !status.ok()) return status;
    handle = OpenFolder(native);
  }
  if (!handle.valid()) return WinError("open", path);
  BY_HANDLE_FILE_INFORMATION info;
  if (!GetFileInformationByHandle(handle.get(), &info)) return WinError("open", path);
  if ((info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
    return absl::InternalError(absl::StrCat(path, ": open: is no folder"));
  }
  return std::make_unique<WinDirectory>(std::move(handle), path);
}

}  // namespace postern
