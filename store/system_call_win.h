// How store/ speaks with Windows: handles that close themselves, whole wide paths, errors in our words.
//
// Plain values and functions, for the files of store/ whose names end in _win. Usable on any thread.

#ifndef POSTERN_STORE_SYSTEM_CALL_WIN_H_
#define POSTERN_STORE_SYSTEM_CALL_WIN_H_

#include <windows.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace postern {

// Windows calls an invalid handle by two names; this has one.
class WinHandle {
 public:
  explicit WinHandle(HANDLE handle) : handle_(handle == INVALID_HANDLE_VALUE ? nullptr : handle) {}
  WinHandle(WinHandle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  WinHandle& operator=(WinHandle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~WinHandle() {
    if (valid()) CloseHandle(handle_);
  }

  bool valid() const { return handle_ != nullptr; }
  HANDLE get() const { return handle_; }

 private:
  HANDLE handle_;
};

std::string FromWide(std::wstring_view wide);

// UTF-8, absolute or not, with either slash, as the path that no call reinterprets: "\\?\C:\mail\new". So it may be
// longer than 260 characters.
std::wstring NativePath(std::string_view path);

// The status of GetLastError(), as store/file.h orders them, with the system's words.
absl::Status WinError(std::string_view call, const std::string& path);

// Access for the process's own user, administrators and the system, inherited by what is made within.
class PrivateAccess {
 public:
  static absl::StatusOr<PrivateAccess> Make();
  PrivateAccess(PrivateAccess&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  PrivateAccess& operator=(PrivateAccess&&) = delete;
  ~PrivateAccess() { LocalFree(descriptor_); }

  SECURITY_ATTRIBUTES attributes() const { return {sizeof(SECURITY_ATTRIBUTES), descriptor_, FALSE}; }

 private:
  explicit PrivateAccess(PSECURITY_DESCRIPTOR descriptor) : descriptor_(descriptor) {}

  PSECURITY_DESCRIPTOR descriptor_;
};

}  // namespace postern

#endif  // POSTERN_STORE_SYSTEM_CALL_WIN_H_
