#include "gateway/store_setup.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace postern {

absl::StatusOr<std::unique_ptr<StoreSetup>> StoreSetup::Open(const Config& config,
                                                             const DirectoryOpener& open_directory, const Clock& clock,
                                                             size_t places) {
  auto setup = std::unique_ptr<StoreSetup>(new StoreSetup(config, clock));
  absl::StatusOr<std::unique_ptr<Directory>> root = open_directory(config.store_dir());
  if (!root.ok()) return root.status();
  setup->root_ = *std::move(root);
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = setup->root_->TryLock();
  if (!lock.ok()) return lock.status();
  setup->lock_ = *std::move(lock);
  absl::StatusOr<std::unique_ptr<Directory>> quarantines = setup->root_->OpenSubdirectory("quarantine");
  if (!quarantines.ok()) return quarantines.status();
  const absl::StatusOr<size_t> log_count = setup->CountLogs();
  if (!log_count.ok()) return log_count.status();
  for (size_t i = 0; i < *log_count; ++i) {
    if (const absl::Status status = setup->OpenLog(i, **quarantines, places); !status.ok()) return status;
  }
  // Whoever made these folders may have been killed before their names were on stable storage.
  for (Directory* folder : {quarantines->get(), setup->root_.get()}) {
    if (const absl::Status status = folder->Sync(); !status.ok()) return status;
  }
  return setup;
}

// Left to the machine it is one writer: a second log on the same disk doubles the syncs and halves the batches.
absl::StatusOr<size_t> StoreSetup::CountLogs() const {
  size_t count = std::max<size_t>(1, config_.threads.store_writers);
  const absl::StatusOr<std::vector<std::string>> names = root_->List();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    uint32_t index = 0;
    if (absl::SimpleAtoi(name, &index) && index < 1000) count = std::max<size_t>(count, index + 1);
  }
  return count;
}

absl::Status StoreSetup::OpenLog(size_t index, Directory& quarantines, size_t places) {
  auto log = std::make_unique<Log>();
  absl::StatusOr<std::unique_ptr<Directory>> directory = root_->OpenSubdirectory(absl::StrCat(index));
  if (!directory.ok()) return directory.status();
  log->directory = *std::move(directory);
  absl::StatusOr<std::unique_ptr<Directory>> quarantine = quarantines.OpenSubdirectory(absl::StrCat(index));
  if (!quarantine.ok()) return quarantine.status();
  log->quarantine = *std::move(quarantine);
  const SegmentLogOptions options{.segment_size = config_.store.segment_size,
                                  .spare_count_max = config_.store.spare_segments};
  absl::StatusOr<std::unique_ptr<SegmentLog>> opened = SegmentLog::Open(*log->directory, options, &log->report);
  if (!opened.ok()) return opened.status();
  log->log = *std::move(opened);
  log->writer = std::make_unique<StoreWriter>(*log->log, places);
  logs_.push_back(std::move(log));
  return absl::OkStatus();
}

std::vector<MailLog> StoreSetup::logs() {
  std::vector<MailLog> logs;
  for (const std::unique_ptr<Log>& log : logs_) {
    logs.push_back({.directory = *log->directory,
                    .quarantine = log->quarantine.get(),
                    .writer = *log->writer,
                    .segment_size = config_.store.segment_size});
  }
  return logs;
}

StorageReport StoreSetup::CheckPlace() { return CheckStorage(*root_, clock_); }

void StoreSetup::TellDamage(const LogMailStore& mail_store, EventLog& events) {
  for (size_t i = 0; i < logs_.size(); ++i) {
    Log& log = *logs_[i];
    const std::string& path = log.directory->path();
    const absl::Status& error = mail_store.reader(i).error();
    if (!std::exchange(log.error_told, !error.ok()) && !error.ok()) {
      events.Write(Event::kCorrupt, {{"log", path},
                                     {"text", "the log cannot be read on: new mail in it waits; tried again"},
                                     {"error", error.message()}});
    }
    for (const MisplacedSegment& segment : std::exchange(log.report.misplaced, {})) {
      events.Write(Event::kCorrupt,
                   {{"log", path},
                    {"segment", absl::StrCat(segment.named)},
                    {"text", segment.is_copy ? "the file is a copy of another segment"
                                             : "the file was another segment, and was given its name back"},
                    {"holds", absl::StrCat(segment.holds)}});
    }
    const RecoveryReport& report = mail_store.reader(i).report();
    if (log.told_damage_count == report.damage_count) continue;
    for (uint64_t j = log.told_damage_count; j < report.damage.size(); ++j) {
      const Damage& damage = report.damage[j];
      const MessageIdText id = ToText(damage.message);
      const bool known = damage.message.number != 0;
      events.Write(Event::kCorrupt, {{"log", path},
                                     {"segment", absl::StrCat(damage.position.segment)},
                                     {"offset", absl::StrCat(damage.position.offset)},
                                     {"size", absl::StrCat(damage.size)},
                                     {"id", known ? id.view() : "unknown"},
                                     {"text", ToText(damage.kind)},
                                     {"copy", damage.copied_to},
                                     {"error", damage.error}});
    }
    if (log.told_damage_count <= report.damage.size() && report.damage_count > report.damage.size()) {
      events.Write(Event::kCorrupt, {{"log", path},
                                     {"text", "more pieces are damaged than are told"},
                                     {"count", absl::StrCat(report.damage_count)}});
    }
    log.told_damage_count = report.damage_count;
  }
}

}  // namespace postern
