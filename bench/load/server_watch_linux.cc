#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "bench/load/server_watch.h"

namespace postern {
namespace {

struct Process {
  int64_t parent = 0;
  int64_t ticks = 0;  // its own, and those of children that it has waited for
  int64_t pages = 0;
};

// proc(5): "4711 (any name (even so)) S parent ...". Nothing for a process that has just gone.
std::optional<Process> ReadProcess(const std::filesystem::path& folder) {
  std::ifstream file(folder / "stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<std::string_view> fields = absl::StrSplit(std::string_view(text).substr(name_end + 2), ' ');
  // Numbered as in the manual, where the state is the third.
  const auto field = [&fields](size_t number) {
    int64_t value = 0;
    return number - 3 < fields.size() && absl::SimpleAtoi(fields[number - 3], &value) ? value : 0;
  };
  return Process{.parent = field(4), .ticks = field(14) + field(15) + field(16) + field(17), .pages = field(24)};
}

std::map<int64_t, Process> ReadProcesses() {
  std::map<int64_t, Process> processes;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    int64_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().native(), &pid)) continue;
    if (const std::optional<Process> process = ReadProcess(entry.path()); process) processes[pid] = *process;
  }
  return processes;
}

}  // namespace

std::optional<ServerUsage> ServerWatch::Look() const {
  const std::map<int64_t, Process> processes = ReadProcesses();
  if (processes.count(pid_) == 0) return std::nullopt;
  std::multimap<int64_t, int64_t> children;
  for (const auto& [pid, process] : processes) children.emplace(process.parent, pid);

  int64_t ticks = 0;
  int64_t pages = 0;
  std::vector<int64_t> family = {pid_};
  for (size_t i = 0; i < family.size(); ++i) {
    const Process& process = processes.at(family[i]);
    ticks += process.ticks;
    pages += process.pages;
    const auto [begin, end] = children.equal_range(family[i]);
    for (auto child = begin; child != end; ++child) family.push_back(child->second);
  }
  return ServerUsage{.cpu = Duration(ticks * (1'000'000'000 / sysconf(_SC_CLK_TCK))),
                     .resident_size = static_cast<uint64_t>(pages * sysconf(_SC_PAGESIZE)),
                     .process_count = family.size()};
}

}  // namespace postern
