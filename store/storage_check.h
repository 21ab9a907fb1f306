// CheckStorage looks whether a directory is a place where mail survives.
//
// It is called at the start, and by an operator's commands, on the main thread, and owns nothing. What it finds is a
// StorageReport, a value.

#ifndef POSTERN_STORE_STORAGE_CHECK_H_
#define POSTERN_STORE_STORAGE_CHECK_H_

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "store/file.h"

namespace postern {

struct StorageReport {
  std::string path;
  FileSystemInfo file_system;
  std::optional<Duration> sync_duration;  // of 4 KiB in a file that has its room: the median of a few
  std::vector<std::string> doubts;        // why mail may not survive there: a sentence each

  // As far as anybody can tell from here: devices and hypervisors that lie are believed, unless they are too quick.
  bool trusted() const { return doubts.empty(); }
};

// What the system tells of it. Writes nothing.
StorageReport DescribeStorage(Directory& directory);
// The same, and how long a sync takes. Writes and removes a small file.
StorageReport CheckStorage(Directory& directory, const Clock& clock);

// "ext4 on /dev/sda1, barriers on, write cache on, a sync takes 2150 us"; the doubts are not in it.
std::string ToText(const StorageReport& report);
// "on" or "off", or "unknown".
std::string_view BarriersText(const FileSystemInfo& info);
std::string_view WriteCacheText(const FileSystemInfo& info);

}  // namespace postern

#endif  // POSTERN_STORE_STORAGE_CHECK_H_
