// StoreSetup is the store as it lies under data_dir, opened: a lock, and for every log its folder, log and writer.
//
// The gateway owns one, or a queue command when no gateway runs; it is opened and destroyed while no other thread uses
// it. It starts no thread: whoever owns it lets each writer Run() on one, or steps RunOnce().
//
//   DATA_DIR/store/lock         one process at a time
//   DATA_DIR/store/0, 1, ...    a log each; those that a configuration with fewer writers left behind are served too
//   DATA_DIR/store/quarantine/0, 1, ...   damaged pieces of the logs

#ifndef POSTERN_GATEWAY_STORE_SETUP_H_
#define POSTERN_GATEWAY_STORE_SETUP_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/clock.h"
#include "gateway/config.h"
#include "gateway/events.h"
#include "relay/log_mail_store.h"
#include "store/file.h"
#include "store/recovery_report.h"
#include "store/segment_log.h"
#include "store/storage_check.h"
#include "store/store_writer.h"

namespace postern {

using DirectoryOpener = std::function<absl::StatusOr<std::unique_ptr<Directory>>(const std::string& path)>;

class StoreSetup {
 public:
  // Every writer gets `places`. FailedPrecondition: another process has the store; the message names it. `clock`
  // outlives the setup.
  static absl::StatusOr<std::unique_ptr<StoreSetup>> Open(const Config& config, const DirectoryOpener& open_directory,
                                                          const Clock& clock, size_t places);

  size_t log_count() const { return logs_.size(); }
  StoreWriter& writer(size_t index) { return *logs_[index]->writer; }
  Directory& directory(size_t index) { return *logs_[index]->directory; }
  // Where all of it lies; for the thread that leads.
  Directory& root() { return *root_; }
  // What LogMailStore is made of; lent.
  std::vector<MailLog> logs();

  // Whether mail survives here. Writes and removes a small file.
  StorageReport CheckPlace();
  // An event for every damaged piece that was found in the logs since the last call, and for a log that cannot be read
  // on. A torn tail is none: a crash leaves one, and nobody was promised what was in it. The thread that reads calls
  // it.
  void TellDamage(const LogMailStore& mail_store, EventLog& events);

 private:
  struct Log {
    std::unique_ptr<Directory> directory;
    std::unique_ptr<Directory> quarantine;
    RecoveryReport report;
    uint64_t told_damage_count = 0;
    bool error_told = false;  // of the reader; until it reads again
    std::unique_ptr<SegmentLog> log;
    std::unique_ptr<StoreWriter> writer;
  };

  StoreSetup(const Config& config, const Clock& clock) : config_(config), clock_(clock) {}

  absl::StatusOr<size_t> CountLogs() const;
  absl::Status OpenLog(size_t index, Directory& quarantines, size_t places);

  const Config& config_;
  const Clock& clock_;
  std::unique_ptr<Directory> root_;
  std::unique_ptr<DirectoryLock> lock_;
  std::vector<std::unique_ptr<Log>> logs_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_STORE_SETUP_H_
