#include "store/mount_linux.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace postern {
namespace {

namespace fs = std::filesystem;

constexpr std::array kInMemory = {"tmpfs", "ramfs", "rootfs"};
constexpr std::array kInLayers = {"overlay", "aufs", "fuse.fuse-overlayfs"};
// Another machine, the host of ours, or a program answers for what it has synced; all of "fuse." as well.
constexpr std::array kElsewhere = {"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "virtiofs", "afs", "lustre"};
// As the kernel tells them back; `volatile` is a layer's word that no sync at all is wanted.
constexpr std::array kNoBarriers = {",nobarrier,", ",barrier=0,", ",fsync_mode=nobarrier,", ",volatile,"};

bool IsOneOf(std::string_view word, const auto& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Empty when it is not there.
std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  return std::string(absl::StripSuffix(text, "\n"));
}

// A blank is written as \040 there, and three more bytes likewise.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const std::string_view digits = text[i] == '\\' ? text.substr(i + 1, 3) : "";
    if (std::from_chars(digits.data(), digits.data() + digits.size(), byte, 8).ec == std::errc()) {
      plain += static_cast<char>(byte);
      i += digits.size();
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// The folder of the device in sysfs, its links resolved; empty when the kernel shows none. The number is the safer way,
// but some file systems (btrfs) give themselves a number that is no device's.
fs::path FindDevice(const Mount& mount, const std::string& sys) {
  std::error_code none;
  if (!absl::StartsWith(mount.device_number, "0:")) {
    return fs::canonical(absl::StrCat(sys, "/dev/block/", mount.device_number), none);
  }
  if (!absl::StartsWith(mount.source, "/dev/")) return {};
  const fs::path node = fs::canonical(mount.source, none);  // /dev/mapper/root -> /dev/dm-0
  if (node.empty()) return {};
  return fs::canonical(absl::StrCat(sys, "/class/block/", node.filename().string()), none);
}

WriteCache CacheOf(const fs::path& device) {
  const std::string text = ReadText(device / "queue/write_cache");
  if (text == "write back") return WriteCache::kBack;
  return text == "write through" ? WriteCache::kNone : WriteCache::kUnknown;
}

absl::StatusOr<FileSystemInfo> DescribeFolder(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return absl::NotFoundError(path.string());
  const auto close = absl::MakeCleanup([fd] { ::close(fd); });
  return DescribeFileSystem(fd, path.string());
}

void AddBackingFile(const std::string& file, FileSystemInfo& info) {
  absl::StrAppend(&info.device, " (", file);
  const absl::StatusOr<FileSystemInfo> below = DescribeFolder(fs::path(file).parent_path());
  if (below.ok()) {
    absl::StrAppend(&info.device, " on ", below->type, " on ", below->device);
    info.volatile_ = info.volatile_ || below->volatile_;
    info.network = info.network || below->network;
    info.overlay = info.overlay || below->overlay;
    if (below->barriers == false) info.barriers = false;
  }
  info.device += ')';
}

}  // namespace

std::optional<Mount> FindMount(std::string_view mountinfo, std::string_view id) {
  // 36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/root rw,errors=continue
  for (const std::string_view line : absl::StrSplit(mountinfo, '\n', absl::SkipEmpty())) {
    const std::vector<std::string_view> fields = absl::StrSplit(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields[0] != id || dash - fields.begin() < 6 || fields.end() - dash < 4) continue;
    return Mount{.device_number = std::string(fields[2]),
                 .type = std::string(dash[1]),
                 .source = Unescape(dash[2]),
                 .options = absl::StrCat(",", fields[5], ",", dash[3], ",")};
  }
  return std::nullopt;
}

FileSystemInfo DescribeMount(const Mount& mount, const std::string& sys) {
  FileSystemInfo info{.type = mount.type, .device = mount.source};
  info.volatile_ = IsOneOf(mount.type, kInMemory);
  info.overlay = IsOneOf(mount.type, kInLayers);
  info.network = IsOneOf(mount.type, kElsewhere) || (!info.overlay && absl::StartsWith(mount.type, "fuse."));
  const bool no_barriers = std::any_of(kNoBarriers.begin(), kNoBarriers.end(),
                                       [&](const char* word) { return absl::StrContains(mount.options, word); });
  if (no_barriers) info.barriers = false;
  const fs::path device = FindDevice(mount, sys);
  if (device.empty()) return info;
  if (!no_barriers) info.barriers = true;
  const std::string name = device.filename().string();
  if (!absl::StartsWith(mount.source, "/dev/") || mount.source == "/dev/root")
    info.device = absl::StrCat("/dev/", name);
  // A partition's queue is that of the whole device.
  info.write_cache = CacheOf(fs::exists(device / "partition") ? device.parent_path() : device);
  if (absl::StartsWith(name, "ram") || absl::StartsWith(name, "zram")) info.volatile_ = true;
  const std::string backing_file = ReadText(device / "loop/backing_file");
  if (!backing_file.empty()) AddBackingFile(backing_file, info);
  return info;
}

absl::StatusOr<FileSystemInfo> DescribeFileSystem(int fd, const std::string& path) {
  const std::string about = ReadText(absl::StrCat("/proc/self/fdinfo/", fd));
  for (const std::string_view line : absl::StrSplit(about, '\n')) {
    if (!absl::StartsWith(line, "mnt_id:")) continue;
    const std::string_view id = absl::StripAsciiWhitespace(line.substr(7));
    const std::optional<Mount> mount = FindMount(ReadText("/proc/self/mountinfo"), id);
    if (mount) return DescribeMount(*mount, "/sys");
  }
  return absl::NotFoundError(absl::StrCat(path, ": /proc does not tell what file system it lies on"));
}

}  // namespace postern
