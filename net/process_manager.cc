#include "net/process_manager.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace postern {
namespace {

constexpr size_t kIdSize = 64;
constexpr size_t kShortIdSize = 12;  // as the engines' own listings show it

// How the engines name a container's group, under systemd ("docker-ID.scope") and without it ("/docker/ID").
struct Engine {
  std::string_view prefix;
  std::string_view parent;
  std::string_view stop;
};
constexpr Engine kEngines[] = {
    {"docker-", "docker", "docker stop "},
    {"libpod-", "libpod_parent", "podman stop "},
    {"cri-containerd-", "", "crictl stop "},
    {"crio-", "", "crictl stop "},
};

bool LooksLikeId(std::string_view text) {
  return text.size() == kIdSize && std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
}

bool ParseContainer(std::string_view name, std::string_view parent, std::string_view path, ProcessManager& manager) {
  std::string_view id = absl::StripSuffix(name, ".scope");
  for (const Engine& engine : kEngines) {
    std::string_view rest = id;
    const bool named = absl::ConsumePrefix(&rest, engine.prefix);
    if (!LooksLikeId(rest) || !(named || (!engine.parent.empty() && parent == engine.parent))) continue;
    manager.container = rest.substr(0, kShortIdSize);
    manager.stop_command = absl::StrCat(engine.stop, manager.container);
    return true;
  }
  if (LooksLikeId(id) && absl::StrContains(path, "kubepods")) {
    manager.container = id.substr(0, kShortIdSize);
    manager.stop_command = absl::StrCat("crictl stop ", manager.container);
    return true;
  }
  if (absl::ConsumePrefix(&id, "lxc.payload.") || parent == "lxc") {
    manager.container = id;
    manager.stop_command = absl::StrCat("lxc-stop --name ", id);
    return true;
  }
  if (absl::ConsumePrefix(&id, "machine-")) {
    manager.container = id;
    manager.stop_command = absl::StrCat("machinectl poweroff ", id);
    return true;
  }
  return false;
}

bool ParseUnit(std::string_view name, bool of_user, ProcessManager& manager) {
  if (!absl::EndsWith(name, ".service") || absl::StartsWith(name, "user@")) return false;
  manager.unit = name;
  manager.stop_command = absl::StrCat(of_user ? "systemctl --user stop " : "systemctl stop ", name);
  return true;
}

}  // namespace

// A line is "number:controllers:path", and the leaf of the path is nearest to the process.
ProcessManager ParseCgroup(std::string_view cgroup_file) {
  ProcessManager manager;
  std::vector<std::vector<std::string_view>> paths;
  for (const std::string_view line : absl::StrSplit(cgroup_file, '\n')) {
    const std::vector<std::string_view> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() == 3) paths.push_back(absl::StrSplit(fields[2], '/'));
  }
  for (const auto& path : paths) {
    for (size_t i = path.size(); i-- > 1;) {
      if (ParseContainer(path[i], path[i - 1], cgroup_file, manager)) return manager;
    }
  }
  for (const auto& path : paths) {
    for (size_t i = path.size(); i-- > 1;) {
      const bool of_user = std::any_of(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(i),
                                       [](std::string_view name) { return absl::StartsWith(name, "user@"); });
      if (ParseUnit(path[i], of_user, manager)) return manager;
    }
  }
  return manager;
}

}  // namespace postern
