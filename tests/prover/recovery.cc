#include "tests/prover/recovery.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "store/log_repair.h"
#include "tests/store/store_fixture.h"

namespace postern {
namespace {

constexpr std::string_view kLog = "log";
constexpr std::string_view kQuarantine = "quarantine";

}  // namespace

absl::StatusOr<std::unique_ptr<RecoveredStore>> RecoveredStore::Open(RecordingDisk& disk,
                                                                     const SegmentLogOptions& options) {
  std::unique_ptr<RecoveredStore> store(new RecoveredStore(disk));
  for (auto [folder, name] : {std::pair{&store->directory_, kLog}, std::pair{&store->quarantine_, kQuarantine}}) {
    absl::StatusOr<std::unique_ptr<Directory>> directory = disk.Open(std::string(name));
    if (!directory.ok()) return directory.status();
    *folder = *std::move(directory);
  }
  absl::StatusOr<std::unique_ptr<SegmentLog>> log = SegmentLog::Open(*store->directory_, options, &store->opening_);
  if (!log.ok()) return log.status();
  store->log_ = *std::move(log);
  store->reader_ = std::make_unique<LogReader>(*store->directory_, store->quarantine_.get());
  if (absl::Status status = store->Follow(); !status.ok()) return status;
  return store;
}

absl::Status RecoveredStore::Follow() {
  while (const std::optional<RecordView> record = reader_->Next(log_->durable())) index_.Apply(*record);
  return reader_->error();
}

Found RecoveredStore::Look() {
  Found found;
  for (size_t slot = 0; slot < index_.slot_count(); ++slot) {
    const QueuedMessage* queued = index_.At(slot);
    if (queued == nullptr) continue;
    Found::Message& message = found.messages[queued->id().number >> 8];
    for (const QueuedRecipient& recipient : queued->recipients()) {
      message.recipients.push_back({recipient.attempt_count, recipient.state});
    }
    const absl::StatusOr<std::string> body = ReadBody(*directory_, queued->position());
    if (!body.ok()) found.error = absl::StrCat("message ", queued->id().number >> 8, ": ", body.status().ToString());
    message.body = body.value_or("");
  }
  found.damage_count = reader_->report().damage_count;
  for (const MisplacedSegment& segment : opening_.misplaced) found.copy_count += segment.is_copy;
  const DiskImage& image = disk_.image();
  for (const Damage& damage : reader_->report().damage) {
    if (found.damage.empty()) {
      found.damage = absl::StrCat("segment ", damage.position.segment, " at ", damage.position.offset, ", ",
                                  damage.size, " bytes: ", ToText(damage.kind));
    }
    if (damage.copied_to.empty()) continue;
    const NodeNumber segment = image.Find(absl::StrCat(kLog, "/", SegmentName(damage.position.segment)));
    if (segment == 0) continue;  // freed
    found.copies[damage.copied_to] = image.contents.at(segment)->substr(damage.position.offset, damage.size);
  }
  for (const auto& [path, node] : image.names) {
    if (image.IsFolder(path)) continue;
    if (path.starts_with(kMailFolder) && FolderOf(path).ends_with("/new"))
      found.mailed[path] = *image.contents.at(node);
    if (path.starts_with(kQuarantine)) found.quarantined[path] = *image.contents.at(node);
  }
  return found;
}

absl::Status Repair(RecordingDisk& disk) {
  const absl::StatusOr<std::unique_ptr<Directory>> log = disk.Open(std::string(kLog));
  if (!log.ok()) return log.status();
  const absl::StatusOr<std::unique_ptr<Directory>> quarantine = disk.Open(std::string(kQuarantine));
  if (!quarantine.ok()) return quarantine.status();
  return RepairLog(**log, **quarantine).status();
}

Found Recover(RecordingDisk& disk, const SegmentLogOptions& options) {
  const absl::StatusOr<std::unique_ptr<RecoveredStore>> store = RecoveredStore::Open(disk, options);
  if (!store.ok()) return {.error = absl::StrCat("recovery has failed: ", store.status().ToString())};
  return (*store)->Look();
}

}  // namespace postern
