#include "store/storage_check.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace postern {
namespace {

constexpr std::string_view kName = "storage-check";
// A network round trip or a flash write takes longer; less than this is somebody's memory.
constexpr Duration kSyncDurationMin = std::chrono::microseconds(15);
constexpr int kSyncCount = 9;

std::vector<std::string> DoubtsOf(const std::string& path, const FileSystemInfo& info) {
  std::vector<std::string> doubts;
  const std::string on = absl::StrCat(path, " lies on ", info.type, ": ");
  if (info.volatile_) doubts.push_back(absl::StrCat(on, "it is memory, and a power cut or reboot loses all mail"));
  if (info.overlay) doubts.push_back(absl::StrCat(on, "the mail is gone with the container; mount a volume"));
  if (info.network) doubts.push_back(absl::StrCat(on, "a network file system may not keep what it has synced"));
  // Without a cache there is nothing to flush, and barriers may be off.
  if (info.barriers == false && info.write_cache != WriteCache::kNone) {
    doubts.push_back(absl::StrCat(path, ": barriers are off on ", info.device,
                                  ": a sync does not empty the device's write cache, and a power cut may lose mail "
                                  "that was accepted; turn them on (mount it without nobarrier; on Windows, with "
                                  "write-cache buffer flushing), or turn the cache off"));
  }
  return doubts;
}

absl::StatusOr<Duration> MeasureSync(Directory& directory, const Clock& clock) {
  const std::string name(kName);
  directory.Remove(name).IgnoreError();
  absl::StatusOr<std::unique_ptr<File>> file = directory.Create(name, 0);
  if (!file.ok()) return file.status();
  std::array<char, 4096> bytes;
  bytes.fill('x');
  const std::string_view piece(bytes.data(), bytes.size());
  std::array<Duration, kSyncCount> durations;
  absl::Status status;
  for (Duration& duration : durations) {
    const MonotonicTime start = clock.Monotonic();
    if (status.ok()) status = (*file)->WriteAt({&piece, 1}, 0);
    if (status.ok()) status = (*file)->Sync();
    duration = clock.Monotonic() - start;
  }
  directory.Remove(name).IgnoreError();
  if (!status.ok()) return status;
  std::nth_element(durations.begin(), durations.begin() + kSyncCount / 2, durations.end());
  return durations[kSyncCount / 2];
}

int64_t Microseconds(Duration duration) { return duration / std::chrono::microseconds(1); }

}  // namespace

StorageReport DescribeStorage(Directory& directory) {
  StorageReport report;
  report.path = directory.path();
  absl::StatusOr<FileSystemInfo> info = directory.FileSystem();
  if (info.ok()) {
    report.file_system = *std::move(info);
    report.doubts = DoubtsOf(report.path, report.file_system);
  } else {
    report.file_system.type = "unknown";
    report.doubts.push_back(absl::StrCat("nobody knows what ", report.path, " lies on: ", info.status().message()));
  }
  return report;
}

StorageReport CheckStorage(Directory& directory, const Clock& clock) {
  StorageReport report = DescribeStorage(directory);
  const absl::StatusOr<Duration> sync = MeasureSync(directory, clock);
  if (!sync.ok()) {
    report.doubts.push_back(
        absl::StrCat(report.path, ": a small file could not be written and synced: ", sync.status().message()));
    return report;
  }
  report.sync_duration = *sync;
  if (*sync < kSyncDurationMin) {
    report.doubts.push_back(absl::StrCat(report.path, ": a sync takes ", Microseconds(*sync),
                                         " us, sooner than a disk can write: a power cut may lose mail that was "
                                         "accepted"));
  }
  return report;
}

std::string_view BarriersText(const FileSystemInfo& info) {
  return !info.barriers ? "unknown" : *info.barriers ? "on" : "off";
}

std::string_view WriteCacheText(const FileSystemInfo& info) {
  switch (info.write_cache) {
    case WriteCache::kUnknown: return "unknown";
    case WriteCache::kNone: return "off";
    case WriteCache::kBack: return "on";
  }
  return "unknown";
}

std::string ToText(const StorageReport& report) {
  const FileSystemInfo& info = report.file_system;
  std::string text = info.type;
  if (!info.device.empty()) absl::StrAppend(&text, " on ", info.device);
  absl::StrAppend(&text, ", barriers ", BarriersText(info), ", write cache ", WriteCacheText(info));
  if (report.sync_duration) absl::StrAppend(&text, ", a sync takes ", Microseconds(*report.sync_duration), " us");
  return text;
}

}  // namespace postern
