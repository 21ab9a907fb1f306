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

}  // namespace

std::vector<std::string> CheckStorage(Directory& directory, const Clock& clock) {
  std::vector<std::string> warnings;
  const std::string& path = directory.path();
  if (const absl::StatusOr<FileSystemInfo> info = directory.FileSystem(); info.ok()) {
    const std::string on = absl::StrCat(path, " lies on ", info->type, ": ");
    if (info->volatile_) warnings.push_back(absl::StrCat(on, "it is memory, and a power cut or reboot loses all mail"));
    if (info->overlay) warnings.push_back(absl::StrCat(on, "the mail is gone with the container; mount a volume"));
    if (info->network) warnings.push_back(absl::StrCat(on, "a network file system may not keep what it has synced"));
  }
  const std::string name(kName);
  directory.Remove(name).IgnoreError();
  absl::StatusOr<std::unique_ptr<File>> file = directory.Create(name, 0);
  if (!file.ok()) {
    warnings.push_back(absl::StrCat("cannot write there: ", file.status().message()));
    return warnings;
  }
  std::array<char, 4096> bytes;
  bytes.fill('x');
  const std::string_view piece(bytes.data(), bytes.size());
  std::array<Duration, kSyncCount> durations;
  bool ok = true;
  for (Duration& duration : durations) {
    const MonotonicTime start = clock.Monotonic();
    ok = ok && (*file)->WriteAt({&piece, 1}, 0).ok() && (*file)->Sync().ok();
    duration = clock.Monotonic() - start;
  }
  directory.Remove(name).IgnoreError();
  if (!ok) {
    warnings.push_back(absl::StrCat(path, ": a small file could not be written and synced"));
    return warnings;
  }
  std::nth_element(durations.begin(), durations.begin() + kSyncCount / 2, durations.end());
  const Duration median = durations[kSyncCount / 2];
  if (median < kSyncDurationMin) {
    warnings.push_back(absl::StrCat(path, ": a sync takes ", median.count() / 1000,
                                    " us, sooner than a disk can write: a power cut may lose mail that was accepted"));
  }
  return warnings;
}

}  // namespace postern
