#include <algorithm>

#include "net/name_lookup.h"
#include "net/socket.h"
#include "net/socket_win.h"
#include "net/wide_text_win.h"

namespace postern {

absl::StatusOr<std::vector<std::string>> LookUpName(const std::string& host, size_t count_max) {
  StartWinsock();
  ADDRINFOW hints = {};
  hints.ai_socktype = SOCK_STREAM;
  ADDRINFOW* list = nullptr;
  const int code = GetAddrInfoW(ToWide(host).c_str(), nullptr, &hints, &list);
  if (code == WSAHOST_NOT_FOUND) return absl::NotFoundError(SystemErrorText(code));
  if (code != 0) return absl::UnavailableError(SystemErrorText(code));
  std::vector<std::string> addresses;
  for (const ADDRINFOW* entry = list; entry != nullptr && addresses.size() < count_max; entry = entry->ai_next) {
    std::string text = FromSystemAddress(*entry->ai_addr).ip.ToString();
    if (std::find(addresses.begin(), addresses.end(), text) == addresses.end()) addresses.push_back(std::move(text));
  }
  FreeAddrInfoW(list);
  if (addresses.empty()) return absl::NotFoundError("the name has no address");
  return addresses;
}

}  // namespace postern
