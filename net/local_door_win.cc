// Windows' own headers come in this order.
// clang-format off
#include <winsock2.h>
#include <sddl.h>
// clang-format on

#include <array>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "net/local_door.h"
#include "net/socket.h"
#include "net/wide_text_win.h"

namespace postern {
namespace {

// A virus scanner or an editor has the last file open for a moment, and keeps its name meanwhile.
constexpr DWORD kScannerPatienceMs = 1000;
constexpr DWORD kScannerPauseMs = 10;

absl::Status Refused(std::string_view what, DWORD code = GetLastError()) {
  return absl::InternalError(absl::StrCat(what, ": ", SystemErrorText(static_cast<int>(code))));
}

// 128 bits that nobody guesses.
std::string MakeKey() {
  std::random_device random;
  std::string key;
  for (int i = 0; i < 4; ++i) absl::StrAppendFormat(&key, "%08x", random());
  return key;
}

// The process's user as "S-1-5-21-...".
absl::StatusOr<std::wstring> OwnSid() {
  constexpr std::string_view kNobody = "the system does not say which user we are";
  HANDLE token = nullptr;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return Refused(kNobody);
  alignas(TOKEN_USER) std::array<char, sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE> memory;
  DWORD size = 0;
  wchar_t* text = nullptr;
  const bool known = GetTokenInformation(token, TokenUser, memory.data(), static_cast<DWORD>(memory.size()), &size) &&
                     ConvertSidToStringSidW(reinterpret_cast<const TOKEN_USER*>(memory.data())->User.Sid, &text);
  const DWORD code = GetLastError();
  CloseHandle(token);
  if (!known) return Refused(kNobody, code);
  std::wstring sid = text;
  LocalFree(text);
  return sid;
}

struct HandleCloser {
  void operator()(HANDLE handle) const { CloseHandle(handle); }
};
using OwnedHandle = std::unique_ptr<void, HandleCloser>;

// A file for our user, administrators and the system alone, which is gone when its handle is closed: by us, or by the
// system when we die.
absl::StatusOr<OwnedHandle> MakeSign(const std::string& path) {
  const absl::StatusOr<std::wstring> sid = OwnSid();
  if (!sid.ok()) return sid.status();
  const std::wstring rights = L"D:P(A;;FA;;;" + *sid + L")(A;;FA;;;SY)(A;;FA;;;BA)";
  SECURITY_ATTRIBUTES attributes{sizeof attributes, nullptr, FALSE};
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(rights.c_str(), SDDL_REVISION_1,
                                                            &attributes.lpSecurityDescriptor, nullptr)) {
    return Refused(path);
  }
  const auto free = absl::MakeCleanup([&attributes] { LocalFree(attributes.lpSecurityDescriptor); });
  const std::wstring wide = ToWide(path);
  for (DWORD waited_ms = 0;; waited_ms += kScannerPauseMs) {
    DeleteFileW(wide.c_str());  // that a power cut has left; a file that is there would keep its own rights
    const HANDLE sign =
        CreateFileW(wide.c_str(), GENERIC_READ | GENERIC_WRITE | DELETE, FILE_SHARE_READ | FILE_SHARE_DELETE,
                    &attributes, CREATE_NEW, FILE_ATTRIBUTE_NORMAL | FILE_FLAG_DELETE_ON_CLOSE, nullptr);
    if (sign != INVALID_HANDLE_VALUE) return OwnedHandle(sign);
    const DWORD code = GetLastError();
    const bool may_pass = code == ERROR_FILE_EXISTS || code == ERROR_SHARING_VIOLATION || code == ERROR_ACCESS_DENIED;
    if (!may_pass || waited_ms >= kScannerPatienceMs) return Refused(path, code);
    Sleep(kScannerPauseMs);
  }
}

// The door's port and key, for those who may read the file.
absl::StatusOr<OwnedHandle> PutUpSign(const std::string& path, const std::string& text) {
  absl::StatusOr<OwnedHandle> sign = MakeSign(path);
  DWORD written = 0;
  if (sign.ok() && !WriteFile(sign->get(), text.data(), static_cast<DWORD>(text.size()), &written, nullptr)) {
    return Refused(path);
  }
  return sign;
}

}  // namespace

absl::StatusOr<LocalDoor> OpenLocalDoor(const std::string& path, int backlog) {
  const SocketResult made = SystemSockets().ListenOn(*SocketAddress::Parse("127.0.0.1:0"), backlog);
  if (!made.socket.valid()) return absl::InternalError(absl::StrCat(path, ": ", made.what));
  const std::string key = MakeKey();
  absl::StatusOr<OwnedHandle> sign =
      PutUpSign(path, absl::StrCat(SystemSockets().LocalAddress(made.socket).port, " ", key, "\n"));
  if (!sign.ok()) {
    SystemSockets().CloseNow(made.socket);
    return sign.status();
  }
  return LocalDoor{.listening = made.socket, .key = key, .sign = *std::move(sign)};
}

absl::StatusOr<WayIn> FindLocalDoor(const std::string& path) {
  const HANDLE sign =
      CreateFileW(ToWide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                  OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (sign == INVALID_HANDLE_VALUE) {
    const DWORD code = GetLastError();
    if (code == ERROR_ACCESS_DENIED) {
      return absl::PermissionDeniedError(absl::StrCat(path, ": only the gateway's own user and administrators may"));
    }
    if (code != ERROR_FILE_NOT_FOUND && code != ERROR_PATH_NOT_FOUND) return Refused(path);
    return absl::NotFoundError(absl::StrCat(path, ": there is no such file; no gateway runs"));
  }
  std::array<char, 256> bytes;
  DWORD size = 0;
  const bool read = ReadFile(sign, bytes.data(), static_cast<DWORD>(bytes.size()), &size, nullptr);
  CloseHandle(sign);
  const std::string_view text(bytes.data(), read ? size : 0);
  const std::vector<std::string_view> words = absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  const std::optional<SocketAddress> address =
      words.size() == 2 ? SocketAddress::Parse(absl::StrCat("127.0.0.1:", words[0])) : std::nullopt;
  // Its maker is about to write it, or was stopped by a power cut.
  if (!address.has_value()) return absl::NotFoundError(absl::StrCat(path, ": there is no port in it yet"));
  return WayIn{.address = *address, .key = std::string(words[1])};
}

}  // namespace postern
