#include "gateway/store_check.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "store/log_repair.h"

namespace postern {
namespace {

// Of the folders that hold a log, in the order of their numbers.
absl::StatusOr<std::vector<std::string>> FindLogs(Directory& root) {
  const absl::StatusOr<std::vector<std::string>> names = root.List();
  if (!names.ok()) return names.status();
  std::vector<std::pair<uint32_t, std::string>> logs;
  for (const std::string& name : *names) {
    uint32_t index = 0;
    if (absl::SimpleAtoi(name, &index)) logs.emplace_back(index, name);
  }
  std::sort(logs.begin(), logs.end());
  std::vector<std::string> sorted;
  sorted.reserve(logs.size());
  for (auto& [index, name] : logs) sorted.push_back(std::move(name));
  return sorted;
}

absl::StatusOr<RecoveryReport> Repair(Directory& root, const std::string& name, Directory& log) {
  const absl::StatusOr<std::unique_ptr<Directory>> quarantines = root.OpenSubdirectory("quarantine");
  if (!quarantines.ok()) return quarantines.status();
  const absl::StatusOr<std::unique_ptr<Directory>> quarantine = (*quarantines)->OpenSubdirectory(name);
  if (!quarantine.ok()) return quarantine.status();
  return RepairLog(log, **quarantine);
}

std::vector<MessageId> FindTwice(const std::vector<StoreCheck::Log>& logs) {
  std::vector<MessageId> all;
  for (const StoreCheck::Log& log : logs) all.insert(all.end(), log.check.queued.begin(), log.check.queued.end());
  std::sort(all.begin(), all.end());
  std::vector<MessageId> twice;
  for (size_t i = 1; i < all.size(); ++i) {
    if (all[i] == all[i - 1] && (twice.empty() || twice.back() != all[i])) twice.push_back(all[i]);
  }
  return twice;
}

}  // namespace

size_t StoreCheck::fault_count() const {
  size_t count = twice.size();
  for (const Log& log : logs) count += log.check.fault_count();
  return count;
}

size_t StoreCheck::mended_count() const {
  size_t count = 0;
  for (const Log& log : logs) count += log.mended.damage_count + log.mended.misplaced.size();
  return count;
}

absl::StatusOr<StoreCheck> CheckStore(Directory& root, bool repair) {
  const absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = root.TryLock();
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<std::vector<std::string>> names = FindLogs(root);
  if (!names.ok()) return names.status();
  StoreCheck store;
  for (const std::string& name : *names) {
    const absl::StatusOr<std::unique_ptr<Directory>> directory = root.OpenSubdirectory(name);
    if (!directory.ok()) return directory.status();
    StoreCheck::Log& log = store.logs.emplace_back();
    log.path = (*directory)->path();
    if (repair) {
      absl::StatusOr<RecoveryReport> mended = Repair(root, name, **directory);
      if (!mended.ok()) return mended.status();
      log.mended = *std::move(mended);
    }
    absl::StatusOr<LogCheck> check = CheckLog(**directory);
    if (!check.ok()) return check.status();
    log.check = *std::move(check);
  }
  store.twice = FindTwice(store.logs);
  return store;
}

}  // namespace postern
