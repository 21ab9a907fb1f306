// Windows' own headers come in this order.
// clang-format off
#include <winsock2.h>
#include <sddl.h>
// clang-format on

#include <array>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

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

absl::Status Refused(std::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", SystemErrorText(static_cast<int>(GetLastError()))));
}

// 128 bits that nobody guesses.
std::string MakeKey() {
  std::random_device random;
  std::string key;
  for (int i = 0; i < 4; ++i) absl::StrAppendFormat(&key, "%08x", random());
  return key;
}

// The process's user as "S-1-5-21-...", empty when the system does not say.
std::wstring OwnSid() {
  HANDLE token = nullptr;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return L"";
  alignas(TOKEN_USER) std::array<char, sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE> memory;
  DWORD size = 0;
  wchar_t* text = nullptr;
  const bool known = GetTokenInformation(token, TokenUser, memory.data(), static_cast<DWORD>(memory.size()), &size) &&
                     ConvertSidToStringSidW(reinterpret_cast<const TOKEN_USER*>(memory.data())->User.Sid, &text);
  CloseHandle(token);
  if (!known) return L"";
  std::wstring sid = text;
  LocalFree(text);
  return sid;
}

// A file for our user, administrators and the system alone, which is gone when its handle is closed: by us, or by the
// system when we die.
HANDLE MakeSign(const std::string& path) {
  const std::wstring rights = L"D:P(A;;FA;;;" + OwnSid() + L")(A;;FA;;;SY)(A;;FA;;;BA)";
  SECURITY_ATTRIBUTES attributes{sizeof attributes, nullptr, FALSE};
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(rights.c_str(), SDDL_REVISION_1,
                                                            &attributes.lpSecurityDescriptor, nullptr)) {
    return INVALID_HANDLE_VALUE;
  }
  const std::wstring wide = ToWide(path);
  DeleteFileW(wide.c_str());  // that a power cut has left; a file that is there would keep its own rights
  const HANDLE sign =
      CreateFileW(wide.c_str(), GENERIC_READ | GENERIC_WRITE | DELETE, FILE_SHARE_READ | FILE_SHARE_DELETE, &attributes,
                  CREATE_NEW, FILE_ATTRIBUTE_NORMAL | FILE_FLAG_DELETE_ON_CLOSE, nullptr);
  const DWORD code = GetLastError();
  LocalFree(attributes.lpSecurityDescriptor);
  SetLastError(code);
  return sign;
}

}  // namespace

absl::StatusOr<LocalDoor> OpenLocalDoor(const std::string& path, int backlog) {
  const SocketResult made = SystemSockets().ListenOn(*SocketAddress::Parse("127.0.0.1:0"), backlog);
  if (!made.socket.valid()) return absl::InternalError(absl::StrCat(path, ": ", made.what));
  LocalDoor door{.listening = made.socket, .key = MakeKey()};
  const std::string text = absl::StrCat(SystemSockets().LocalAddress(made.socket).port, " ", door.key, "\n");
  const HANDLE sign = MakeSign(path);
  DWORD written = 0;
  if (sign == INVALID_HANDLE_VALUE ||
      !WriteFile(sign, text.data(), static_cast<DWORD>(text.size()), &written, nullptr)) {
    const absl::Status status = Refused(path);
    if (sign != INVALID_HANDLE_VALUE) CloseHandle(sign);
    SystemSockets().CloseNow(made.socket);
    return status;
  }
  door.sign = std::shared_ptr<void>(sign, CloseHandle);
  return door;
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
