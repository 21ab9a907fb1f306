// OfflineQueue is the queue in the store itself, for the queue commands while no gateway runs.
//
// A command owns it, on the main thread; it holds the store's lock as long as it lives, so no gateway starts meanwhile.
// It uses the parts that the gateway uses, only without threads: the logs are folded once, and what is changed goes
// through the writers, stepped in place, and counts when it was read back.

#ifndef POSTERN_GATEWAY_OFFLINE_QUEUE_H_
#define POSTERN_GATEWAY_OFFLINE_QUEUE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/clock.h"
#include "core/doorbell.h"
#include "core/handoff.h"
#include "gateway/config.h"
#include "gateway/queue_access.h"
#include "gateway/store_setup.h"
#include "relay/log_mail_store.h"

namespace postern {

class OfflineQueue final : public QueueAccess, private FoldListener, private Wakeable {
 public:
  // FailedPrecondition: a process has the store. All that is lent outlives the queue.
  static absl::StatusOr<std::unique_ptr<OfflineQueue>> Open(const Config& config, const DirectoryOpener& open_directory,
                                                            const Clock& clock);

  absl::StatusOr<QueuePage> List(uint64_t cursor) override;
  absl::StatusOr<QueueEntryView> Show(MessageId message) override;
  absl::Status Retry(MessageId message) override;
  absl::Status RetryAll() override;
  absl::Status Delete(MessageId message) override;

 private:
  static constexpr size_t kPlaces = 256;  // changes that share a sync

  OfflineQueue(std::unique_ptr<StoreSetup> setup, const Clock& clock);

  void HandleAccepted(MessageId, std::string_view) override {}
  void Wake() override {}  // nobody sleeps here

  absl::Status Fold();
  // At most kPlaces messages, all in the queue.
  absl::Status Change(const std::vector<MessageId>& messages, bool retry);

  const Clock& clock_;
  const std::unique_ptr<StoreSetup> setup_;
  LogMailStore store_;
  ReceiptBox receipts_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_OFFLINE_QUEUE_H_
