// The way from an address to a process on Linux: /proc/net/tcp names the socket's inode, and /proc/PID/fd who has it.

#include "net/port_owner_linux.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "net/port_table.h"
#include "net/process_manager.h"

namespace postern {
namespace {

constexpr size_t kFileSizeMax = 4u * 1024 * 1024;  // of a kernel's table; some 25,000 sockets
constexpr size_t kCommandLineSizeMax = 512;

// A process that has the socket `entry` (an index).
struct Owner {
  size_t entry;
  int64_t pid;
};

std::string ReadFile(const std::string& path, size_t size_max = kFileSizeMax) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[16 * 1024];
  for (ssize_t size; text.size() < size_max && (size = read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(size));
  }
  close(fd);
  return text;
}

std::string ReadLink(const std::string& path) {
  char buffer[4096];
  const ssize_t size = readlink(path.c_str(), buffer, sizeof buffer);
  return size < 0 ? "" : std::string(buffer, static_cast<size_t>(size));
}

std::string UserName(uint32_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry != nullptr ? entry->pw_name : absl::StrCat("uid ", uid);
}

// "0100007F:0019": words of the machine's own order, then the port.
std::optional<SocketAddress> ParseTableAddress(std::string_view text) {
  const std::vector<std::string_view> parts = absl::StrSplit(text, ':');
  uint32_t port = 0;
  if (parts.size() != 2 || parts[0].size() % 8 != 0 || !absl::SimpleHexAtoi(parts[1], &port)) return std::nullopt;
  SocketAddress address;
  address.port = static_cast<uint16_t>(port);
  address.ip.family = parts[0].size() == 8 ? AddressFamily::kIPv4 : AddressFamily::kIPv6;
  for (size_t i = 0; i < parts[0].size() / 8 && i < 4; ++i) {
    uint32_t word = 0;
    if (!absl::SimpleHexAtoi(parts[0].substr(8 * i, 8), &word)) return std::nullopt;
    std::memcpy(address.ip.bytes.data() + 4 * i, &word, sizeof word);
  }
  address.ip = address.ip.Unmapped();
  return address;
}

void ReadTable(const std::string& path, const SocketAddress& wanted, std::vector<PortTableEntry>& entries) {
  constexpr std::string_view kListen = "0A";
  constexpr std::string_view kTimeWait = "06";
  const std::string table = ReadFile(path);
  for (const std::string_view line : absl::StrSplit(table, '\n')) {
    // sl local_address rem_address st queues timer retransmits uid timeout inode
    const std::vector<std::string_view> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (fields.size() < 10 || fields[3] == kTimeWait) continue;
    const std::optional<SocketAddress> address = ParseTableAddress(fields[1]);
    if (!address) continue;
    const std::optional<int> distance = ConflictDistance(*address, wanted);
    PortTableEntry entry{.address = *address, .listening = fields[3] == kListen, .distance = distance.value_or(0)};
    if (!distance || !absl::SimpleAtoi(fields[7], &entry.uid) || !absl::SimpleAtoi(fields[9], &entry.owner)) continue;
    entries.push_back(entry);
  }
}

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory OpenFolder(const std::string& path) { return {opendir(path.c_str()), closedir}; }

// Appends to `owners` the sockets of `entries` that the process has. False when we may not look.
bool LookIntoProcess(const std::string& folder, int64_t pid, const std::vector<PortTableEntry>& entries,
                     std::vector<Owner>& owners) {
  const Directory descriptors = OpenFolder(folder + "/fd");
  if (descriptors == nullptr) return errno != EACCES && errno != EPERM;
  while (const dirent* entry = readdir(descriptors.get())) {
    char target[64];
    const ssize_t size = readlinkat(dirfd(descriptors.get()), entry->d_name, target, sizeof target);
    if (size < 0 && (errno == EACCES || errno == EPERM)) return false;
    if (size <= 0) continue;
    std::string_view text(target, static_cast<size_t>(size));
    uint64_t inode = 0;
    if (!absl::ConsumePrefix(&text, "socket:[") || !absl::ConsumeSuffix(&text, "]") || !absl::SimpleAtoi(text, &inode))
      continue;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].owner == inode) owners.push_back({i, pid});
    }
  }
  return true;
}

// The value of "Key:\t..." in /proc/PID/status.
std::string StatusValue(const std::string& status, std::string_view key) {
  for (std::string_view line : absl::StrSplit(status, '\n')) {
    if (absl::ConsumePrefix(&line, key) && absl::ConsumePrefix(&line, ":")) {
      const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
      return words.empty() ? "" : words.back();
    }
  }
  return "";
}

int64_t ParentOf(const std::string& proc, int64_t pid) {
  int64_t parent = 0;
  const std::string text = StatusValue(ReadFile(absl::StrCat(proc, "/", pid, "/status")), "PPid");
  return absl::SimpleAtoi(text, &parent) ? parent : 0;
}

// systemd holds the sockets of its socket units itself.
std::string StopSocketUnit(uint16_t port) {
  return absl::StrCat("systemctl stop $(systemctl list-sockets --no-legend | awk '$1 ~ /:", port, "$/ {print $2}')");
}

void Describe(const std::string& proc, PortHolder& holder) {
  const std::string folder = absl::StrCat(proc, "/", holder.pid);
  const std::string status = ReadFile(folder + "/status");
  uint32_t uid = 0;
  if (absl::SimpleAtoi(StatusValue(status, "Uid"), &uid)) holder.user = UserName(uid);
  holder.program = ReadLink(folder + "/exe");
  if (holder.program.empty()) holder.program = StatusValue(status, "Name");
  holder.command_line = ReadFile(folder + "/cmdline", kCommandLineSizeMax).substr(0, kCommandLineSizeMax);
  while (!holder.command_line.empty() && holder.command_line.back() == '\0') holder.command_line.pop_back();
  std::replace(holder.command_line.begin(), holder.command_line.end(), '\0', ' ');

  const std::string cgroup = ReadFile(folder + "/cgroup");
  const ProcessManager manager = ParseCgroup(cgroup);
  holder.unit = manager.unit;
  holder.container = manager.container;
  if (absl::EndsWith(holder.program, "/docker-proxy")) {
    holder.stop_command = absl::StrCat("docker stop $(docker ps -q --filter publish=", holder.address.port, ")");
  } else if (holder.pid == 1 && absl::EndsWith(holder.program, "/systemd")) {
    holder.stop_command = StopSocketUnit(holder.address.port);
  } else if (!manager.stop_command.empty() && cgroup != ReadFile(proc + "/self/cgroup")) {
    holder.stop_command = manager.stop_command;
  } else {
    // Nobody manages it, or who does would stop us with it.
    holder.stop_command = absl::StrCat("kill ", holder.pid);
  }
}

// Of all that have the socket: the one whose parent has it not, and rather the service than systemd, which gave it.
int64_t Eldest(const std::string& proc, std::vector<int64_t> pids) {
  if (pids.size() > 1) std::erase(pids, 1);
  for (const int64_t pid : pids) {
    if (std::find(pids.begin(), pids.end(), ParentOf(proc, pid)) == pids.end()) return pid;
  }
  return pids.front();
}

std::string WhyMissing(bool all_seen, uint16_t port) {
  if (!all_seen || geteuid() != 0) {
    return "its process cannot be seen: to look into processes of other users takes root or CAP_SYS_PTRACE";
  }
  return absl::StrCat(
      "no process that can be seen from here has it: it is in a container, or we are; on the host try "
      "`ss -ltnp 'sport = :",
      port, "'`");
}

}  // namespace

std::vector<PortHolder> FindPortHoldersIn(const std::string& proc, const SocketAddress& address) {
  std::vector<PortTableEntry> entries;
  ReadTable(proc + "/net/tcp", address, entries);
  ReadTable(proc + "/net/tcp6", address, entries);
  KeepNearest(entries);
  if (entries.empty()) return {};

  std::vector<Owner> owners;
  bool all_seen = true;
  const Directory processes = OpenFolder(proc);
  while (const dirent* entry = processes == nullptr ? nullptr : readdir(processes.get())) {
    int64_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    all_seen = LookIntoProcess(absl::StrCat(proc, "/", pid), pid, entries, owners) && all_seen;
  }

  std::vector<PortHolder> holders;
  for (size_t i = 0; i < entries.size(); ++i) {
    PortHolder holder{.address = entries[i].address, .listening = entries[i].listening};
    std::vector<int64_t> pids;
    for (const Owner& owner : owners) {
      if (owner.entry == i) pids.push_back(owner.pid);
    }
    if (pids.empty()) {
      holder.user = UserName(entries[i].uid);
      holder.missing = WhyMissing(all_seen, address.port);
    } else {
      holder.pid = Eldest(proc, pids);
      Describe(proc, holder);
    }
    holders.push_back(std::move(holder));
  }
  return holders;
}

std::vector<PortHolder> FindPortHolders(const SocketAddress& address) { return FindPortHoldersIn("/proc", address); }

std::string_view WhyNoHolderIsSeen(NetError error) {
  switch (error) {
    case NetError::kAddressInUse:
      return "no socket is seen there: it may be in another network or process namespace, or bound without listening; "
             "try `ss -tanp`";
    case NetError::kNoPermission:
      return "ports below 1024 take root or CAP_NET_BIND_SERVICE (in a systemd unit: "
             "AmbientCapabilities=CAP_NET_BIND_SERVICE)";
    case NetError::kUnreachable: return "this machine has no such address: see `ip address`";
    default: return "";
  }
}

}  // namespace postern
