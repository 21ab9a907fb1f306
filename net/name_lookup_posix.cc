#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>

#include "net/name_lookup.h"

namespace postern {

absl::StatusOr<std::vector<std::string>> LookUpName(const std::string& host, size_t count_max) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error == EAI_NONAME) return absl::NotFoundError(gai_strerror(error));
  if (error != 0) return absl::UnavailableError(gai_strerror(error));
  std::vector<std::string> addresses;
  for (const addrinfo* entry = list; entry != nullptr && addresses.size() < count_max; entry = entry->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    if (std::find(addresses.begin(), addresses.end(), text) == addresses.end()) addresses.emplace_back(text);
  }
  freeaddrinfo(list);
  if (addresses.empty()) return absl::NotFoundError("the name has no address");
  return addresses;
}

}  // namespace postern
