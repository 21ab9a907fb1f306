// The way from an address to a process on Windows: the table of TCP sockets names the process, and its image, its user
// and the service that it runs are asked for one by one. Not all of them may be seen by everybody.

#include "net/port_owner_win.h"

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "net/ip_helper_win.h"
#include "net/port_table.h"
#include "net/socket.h"
#include "net/socket_win.h"
#include "net/wide_text_win.h"

namespace postern {
namespace {

constexpr size_t kPathCountMax = 32'768;  // characters; as long as Windows' own paths may be
constexpr DWORD kSystemProcess = 4;       // whose sockets are the kernel's, http.sys for one

struct HandleCloser {
  void operator()(HANDLE handle) const { CloseHandle(handle); }
};
using OwnedHandle = std::unique_ptr<void, HandleCloser>;

struct ServiceCloser {
  void operator()(SC_HANDLE handle) const { CloseServiceHandle(handle); }
};
using OwnedService = std::unique_ptr<SC_HANDLE__, ServiceCloser>;

uint16_t PortOf(DWORD port) { return ntohs(static_cast<uint16_t>(port)); }

SocketAddress AddressOf(const MIB_TCPROW_OWNER_PID& row) {
  SocketAddress address{.ip = {.family = AddressFamily::kIPv4}, .port = PortOf(row.dwLocalPort), .path = {}};
  std::memcpy(address.ip.bytes.data(), &row.dwLocalAddr, sizeof row.dwLocalAddr);
  return address;
}

SocketAddress AddressOf(const MIB_TCP6ROW_OWNER_PID& row) {
  SocketAddress address{.ip = {.family = AddressFamily::kIPv6}, .port = PortOf(row.dwLocalPort), .path = {}};
  std::memcpy(address.ip.bytes.data(), row.ucLocalAddr, sizeof row.ucLocalAddr);
  address.ip = address.ip.Unmapped();
  return address;
}

template <typename Table>
void ReadTable(ULONG family, const SocketAddress& wanted, std::vector<PortTableEntry>& entries) {
  std::vector<char> memory;
  DWORD size = 64 * 1024;
  DWORD code = ERROR_INSUFFICIENT_BUFFER;
  for (int i = 0; i < 4 && code == ERROR_INSUFFICIENT_BUFFER; ++i) {  // it may grow between two calls
    memory.resize(size);
    code = GetExtendedTcpTable(memory.data(), &size, /*bOrder=*/FALSE, family, TCP_TABLE_OWNER_PID_ALL, 0);
  }
  if (code != NO_ERROR) return;
  const auto& table = *reinterpret_cast<const Table*>(memory.data());
  for (DWORD i = 0; i < table.dwNumEntries; ++i) {
    const auto& row = table.table[i];
    if (row.dwState == MIB_TCP_STATE_TIME_WAIT) continue;
    const SocketAddress address = AddressOf(row);
    const std::optional<int> distance = ConflictDistance(address, wanted);
    if (!distance.has_value()) continue;
    entries.push_back({.address = address,
                       .listening = row.dwState == MIB_TCP_STATE_LISTEN,
                       .distance = *distance,
                       .owner = row.dwOwningPid});
  }
}

std::string ImagePath(HANDLE process) {
  std::wstring path(kPathCountMax, L'\0');
  DWORD count = static_cast<DWORD>(path.size());
  return QueryFullProcessImageNameW(process, 0, path.data(), &count) ? ToUtf8({path.data(), count}) : "";
}

std::string UserOf(HANDLE process) {
  HANDLE opened = nullptr;
  if (!OpenProcessToken(process, TOKEN_QUERY, &opened)) return "";
  const OwnedHandle token(opened);
  alignas(TOKEN_USER) char memory[1024];
  DWORD size = 0;
  if (!GetTokenInformation(token.get(), TokenUser, memory, sizeof memory, &size)) return "";
  wchar_t name[256];
  wchar_t domain[256];
  DWORD name_count = std::size(name);
  DWORD domain_count = std::size(domain);
  SID_NAME_USE use;
  if (!LookupAccountSidW(nullptr, reinterpret_cast<TOKEN_USER*>(memory)->User.Sid, name, &name_count, domain,
                         &domain_count, &use)) {
    return "";
  }
  return absl::StrCat(ToUtf8(domain), "\\", ToUtf8(name));
}

// The service that the process runs; empty when it is none, or one of several in one process.
std::string ServiceOf(DWORD pid) {
  const OwnedService manager(OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ENUMERATE_SERVICE));
  if (manager == nullptr) return "";
  DWORD size = 0;
  DWORD count = 0;
  DWORD resume = 0;
  EnumServicesStatusExW(manager.get(), SC_ENUM_PROCESS_INFO, SERVICE_WIN32, SERVICE_ACTIVE, nullptr, 0, &size, &count,
                        &resume, nullptr);
  std::vector<char> memory(size + 4096);  // one may have started since
  if (!EnumServicesStatusExW(manager.get(), SC_ENUM_PROCESS_INFO, SERVICE_WIN32, SERVICE_ACTIVE,
                             reinterpret_cast<BYTE*>(memory.data()), static_cast<DWORD>(memory.size()), &size, &count,
                             &resume, nullptr)) {
    return "";
  }
  const auto* services = reinterpret_cast<const ENUM_SERVICE_STATUS_PROCESSW*>(memory.data());
  std::string name;
  for (DWORD i = 0; i < count; ++i) {
    if (services[i].ServiceStatusProcess.dwProcessId != pid) continue;
    if (!name.empty()) return "";
    name = ToUtf8(services[i].lpServiceName);
  }
  return name;
}

}  // namespace

void DescribeProcess(uint32_t pid, PortHolder& holder) {
  holder.pid = pid;
  if (pid == kSystemProcess) {
    holder.program = "System";
    holder.stop_command = "net stop http";
    return;
  }
  const OwnedHandle process(OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, /*bInheritHandle=*/FALSE, pid));
  if (process == nullptr) {
    const DWORD code = GetLastError();
    holder.missing = absl::StrCat("its program cannot be seen: ", SystemErrorText(static_cast<int>(code)));
    if (code == ERROR_INVALID_PARAMETER) return;  // it is gone, and its number may soon be an innocent one's
  } else {
    holder.program = ImagePath(process.get());
    holder.user = UserOf(process.get());
  }
  holder.unit = ServiceOf(pid);
  // Who stops the service that we are stops us.
  holder.stop_command = holder.unit.empty() || pid == GetCurrentProcessId()
                            ? absl::StrCat("taskkill /F /PID ", pid)
                            : absl::StrCat("net stop \"", holder.unit, "\"");
}

std::vector<PortHolder> FindPortHolders(const SocketAddress& address) {
  std::vector<PortTableEntry> entries;
  ReadTable<MIB_TCPTABLE_OWNER_PID>(AF_INET, address, entries);
  ReadTable<MIB_TCP6TABLE_OWNER_PID>(AF_INET6, address, entries);
  KeepNearest(entries);
  std::vector<PortHolder> holders;
  for (const PortTableEntry& entry : entries) {
    PortHolder holder{.address = entry.address, .listening = entry.listening};
    if (entry.owner == 0) {
      holder.missing = "the system does not tell whose socket it is";
    } else {
      DescribeProcess(static_cast<uint32_t>(entry.owner), holder);
    }
    holders.push_back(std::move(holder));
  }
  return holders;
}

std::string_view WhyNoHolderIsSeen(NetError error) {
  switch (error) {
    case NetError::kAddressInUse:
      return "no socket is seen there: Windows may have set the port apart; see `netsh int ipv4 show "
             "excludedportrange protocol=tcp`";
    case NetError::kUnreachable: return "this machine has no such address: see `ipconfig`";
    default: return "";
  }
}

}  // namespace postern
