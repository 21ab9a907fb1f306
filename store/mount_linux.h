// A mount is what Linux knows about the ground under a folder: the file system, its device, and how that one caches.
//
// PosixDirectory asks for it, once, on whichever thread looks at the storage; nobody owns anything. The kernel tells in
// texts (proc(5), sysfs), so a test may show it a tree of its own.

#ifndef POSTERN_STORE_MOUNT_LINUX_H_
#define POSTERN_STORE_MOUNT_LINUX_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "store/file.h"

namespace postern {

// A line of /proc/self/mountinfo.
struct Mount {
  std::string device_number;  // "8:1"; a major number of 0 belongs to no device of its own
  std::string type;
  std::string source;   // "/dev/sda1", "server:/export", or any word
  std::string options;  // of the mount and of its file system, with commas between and around: ",rw,nobarrier,"
};

// The one with this number ("27"), or nothing.
std::optional<Mount> FindMount(std::string_view mountinfo, std::string_view id);

// `sys` is where sysfs lies: "/sys" but in tests. A file that stands for a device (losetup) is followed to where it
// lies, and what weakens it there weakens the whole.
FileSystemInfo DescribeMount(const Mount& mount, const std::string& sys);

// Of the folder that is open as `fd`, called `path` in errors.
absl::StatusOr<FileSystemInfo> DescribeFileSystem(int fd, const std::string& path);

}  // namespace postern

#endif  // POSTERN_STORE_MOUNT_LINUX_H_
