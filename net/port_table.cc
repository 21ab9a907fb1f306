#include "net/port_table.h"

#include <algorithm>

namespace postern {
namespace {

constexpr size_t kHolderCountMax = 8;
constexpr int kPerhaps = 3;

}  // namespace

std::optional<int> ConflictDistance(const SocketAddress& held, const SocketAddress& wanted) {
  if (held.port != wanted.port) return std::nullopt;
  if (held.ip == wanted.ip) return 0;
  if (held.ip.family == wanted.ip.family) {
    if (held.ip.IsWildcard()) return 1;
    if (wanted.ip.IsWildcard()) return 2;
  } else if (held.ip.family == AddressFamily::kIPv6 && held.ip.IsWildcard()) {
    return kPerhaps;  // it takes IPv4 too, unless it was told not to; the table does not say
  }
  return std::nullopt;
}

void KeepNearest(std::vector<PortTableEntry>& entries) {
  if (std::any_of(entries.begin(), entries.end(), [](const PortTableEntry& e) { return e.listening; })) {
    std::erase_if(entries, [](const PortTableEntry& e) { return !e.listening; });
  }
  if (std::any_of(entries.begin(), entries.end(), [](const PortTableEntry& e) { return e.distance < kPerhaps; })) {
    std::erase_if(entries, [](const PortTableEntry& e) { return e.distance == kPerhaps; });
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const PortTableEntry& a, const PortTableEntry& b) { return a.distance < b.distance; });
  if (entries.size() > kHolderCountMax) entries.resize(kHolderCountMax);
}

}  // namespace postern
