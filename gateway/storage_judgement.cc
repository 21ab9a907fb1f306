#include "gateway/storage_judgement.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "gateway/file_path.h"

namespace postern {

void TellStorage(const StorageReport& report, EventLog& events) {
  const FileSystemInfo& info = report.file_system;
  const std::string sync =
      report.sync_duration ? absl::StrCat(*report.sync_duration / std::chrono::microseconds(1)) : "unknown";
  events.Write(Event::kStorage, {{"dir", report.path},
                                 {"file_system", info.type},
                                 {"device", info.device.empty() ? "unknown" : info.device},
                                 {"barriers", BarriersText(info)},
                                 {"write_cache", WriteCacheText(info)},
                                 {"sync_us", sync},
                                 {"durable", report.trusted() ? "yes" : "doubtful"}});
  for (const std::string& doubt : report.doubts) {
    events.Write(Event::kLowDisk, {{"dir", report.path}, {"text", doubt}});
  }
}

absl::Status JudgeStorage(const StorageReport& report, Durability durability) {
  if (report.trusted() || durability == Durability::kWarn) return absl::OkStatus();
  std::string text = "store.durability = \"strict\", and mail may not survive here:\n";
  for (const std::string& doubt : report.doubts) absl::StrAppend(&text, "  ", doubt, "\n");
  absl::StrAppend(&text, "Give it another data_dir, or say durability = \"warn\" to serve all the same");
  return absl::InvalidArgumentError(text);
}

absl::StatusOr<StorageReport> FindStorage(const Config& config, const Clock* clock) {
  namespace fs = std::filesystem;
  const fs::path store = FilePath(config.store_dir());
  std::error_code error;
  fs::path folder = store;
  while (!fs::is_directory(folder, error) && folder.has_relative_path()) folder = folder.parent_path();
  if (folder.empty()) folder = ".";
  const std::u8string name = folder.u8string();
  absl::StatusOr<std::unique_ptr<Directory>> directory = OpenDirectory(std::string(name.begin(), name.end()));
  if (!directory.ok()) return directory.status();
  return clock != nullptr && folder == store ? CheckStorage(**directory, *clock) : DescribeStorage(**directory);
}

std::string DescribeToOperator(const StorageReport& report) {
  std::string text = absl::StrCat(report.path, ": ", ToText(report), "\n");
  for (const std::string& doubt : report.doubts) absl::StrAppend(&text, "  doubtful: ", doubt, "\n");
  return text;
}

}  // namespace postern
