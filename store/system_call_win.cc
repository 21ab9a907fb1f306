#include "store/system_call_win.h"

#include <sddl.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace postern {
namespace {

constexpr DWORD kDiskQuotaExceeded = 1295;  // mingw's headers have no name for it

std::wstring ToWide(std::string_view text) {
  const int size = static_cast<int>(text.size());
  std::wstring wide(static_cast<size_t>(MultiByteToWideChar(CP_UTF8, 0, text.data(), size, nullptr, 0)), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), size, wide.data(), static_cast<int>(wide.size()));
  return wide;
}

std::string ErrorText(DWORD code) {
  std::array<wchar_t, 512> text;
  const DWORD count = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr, code, 0,
                                     text.data(), static_cast<DWORD>(text.size()), nullptr);
  std::wstring_view words(text.data(), count);
  while (!words.empty() && (words.back() <= L' ' || words.back() == L'.')) words.remove_suffix(1);
  return words.empty() ? absl::StrCat("error ", code) : absl::StrCat(FromWide(words), " (", code, ")");
}

// "S-1-5-21-...": who we are.
absl::StatusOr<std::wstring> OwnSid() {
  HANDLE opened = nullptr;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &opened)) return WinError("OpenProcessToken", "our user");
  const WinHandle token(opened);
  alignas(TOKEN_USER) std::array<char, sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE> memory;
  DWORD size = 0;
  if (!GetTokenInformation(token.get(), TokenUser, memory.data(), static_cast<DWORD>(memory.size()), &size)) {
    return WinError("GetTokenInformation", "our user");
  }
  wchar_t* text = nullptr;
  if (!ConvertSidToStringSidW(reinterpret_cast<const TOKEN_USER*>(memory.data())->User.Sid, &text)) {
    return WinError("ConvertSidToStringSid", "our user");
  }
  std::wstring sid = text;
  LocalFree(text);
  return sid;
}

}  // namespace

std::string FromWide(std::wstring_view wide) {
  const int count = static_cast<int>(wide.size());
  const int size = WideCharToMultiByte(CP_UTF8, 0, wide.data(), count, nullptr, 0, nullptr, nullptr);
  std::string text(static_cast<size_t>(size), '\0');
  WideCharToMultiByte(CP_UTF8, 0, wide.data(), count, text.data(), size, nullptr, nullptr);
  return text;
}

std::wstring NativePath(std::string_view path) {
  const std::wstring wide = ToWide(path);
  std::wstring full(MAX_PATH, L'\0');
  DWORD count = GetFullPathNameW(wide.c_str(), static_cast<DWORD>(full.size()), full.data(), nullptr);
  if (count >= full.size()) {  // then it is the room that is needed
    full.resize(count);
    count = GetFullPathNameW(wide.c_str(), count, full.data(), nullptr);
  }
  full.resize(count);
  // The root of a drive keeps its slash; a folder has none.
  while (full.size() > 3 && full.back() == L'\\') full.pop_back();
  if (full.starts_with(L"\\\\?\\") || full.starts_with(L"\\\\.\\")) return full;
  return full.starts_with(L"\\\\") ? L"\\\\?\\UNC" + full.substr(1) : L"\\\\?\\" + full;
}

absl::Status WinError(std::string_view call, const std::string& path) {
  const DWORD code = GetLastError();
  const std::string text = absl::StrCat(path, ": ", call, ": ", ErrorText(code));
  switch (code) {
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case kDiskQuotaExceeded: return absl::ResourceExhaustedError(text);
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND: return absl::NotFoundError(text);
    case ERROR_ACCESS_DENIED:
    case ERROR_WRITE_PROTECT: return absl::PermissionDeniedError(text);
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS: return absl::AlreadyExistsError(text);
    default: return absl::InternalError(text);
  }
}

absl::StatusOr<PrivateAccess> PrivateAccess::Make() {
  const absl::StatusOr<std::wstring> sid = OwnSid();
  if (!sid.ok()) return sid.status();
  // Nothing comes from the folder above (P); all rights (FA) for us, the system (SY) and administrators (BA).
  const std::wstring text = L"D:P(A;OICI;FA;;;" + *sid + L")(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(text.c_str(), SDDL_REVISION_1, &descriptor, nullptr)) {
    return WinError("ConvertStringSecurityDescriptor", "our user");
  }
  return PrivateAccess(descriptor);
}

}  // namespace postern
