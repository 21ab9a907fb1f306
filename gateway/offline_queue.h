// OfflineQueue is the queue in the store itself, for the queue commands while no gateway runs.
//
// A command owns it, on the main thread; it holds the store's lock as long as it lives, so no gateway starts meanwhile.
// It uses the parts that the gateway uses, only without threads: the logs are folded once, and what is changed goes
// through the writers, stepped in place, and counts when it was read back.

#ifndef POSTERN_GATEWAY_OFFLINE_QUEUE_H_
#define POSTERN_GATEWAY_OFFLINE_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/clock.h"
#include "core/doorbell.h"
#include "core/handoff.h"
#include "gateway/config.h"
#include "gateway/queue_access.h"
#include "gateway/store_setup.h"
#include "relay/destination_book.h"
#include "relay/log_mail_store.h"
#include "relay/route.h"

namespace postern {

class OfflineQueue final : public QueueAccess, private FoldListener, private Wakeable {
 public:
  // FailedPrecondition: a process has the store. All that is lent outlives the queue.
  static absl::StatusOr<std::unique_ptr<OfflineQueue>> Open(const Config& config, const DirectoryOpener& open_directory,
                                                            const Clock& clock);

  absl::StatusOr<size_t> Destinations(absl::FunctionRef<void(const DestinationView&)> visit) override;
  absl::StatusOr<QueuePage> List(const std::optional<std::string>& destination, uint64_t cursor) override;
  absl::StatusOr<QueueEntryView> Show(MessageId message) override;
  absl::Status Export(MessageId message, absl::FunctionRef<absl::Status(std::string_view)> write) override;
  absl::StatusOr<ActResult> Act(QueueAction action, MessageId message) override;
  absl::StatusOr<ActResult> ActOnAll(QueueAction action, const std::optional<std::string>& destination) override;

 private:
  static constexpr size_t kPlaces = 4096;  // changes that share a sync

  OfflineQueue(const Config& config, RouteTable routes, std::unique_ptr<StoreSetup> setup, const Clock& clock);

  void HandleAccepted(MessageId message, std::string_view envelope, std::span<QueuedRecipient> recipients) override;
  void Wake() override {}  // nobody sleeps here

  absl::Status Fold();
  // At most kPlaces messages, all in the queue; how many of them were changed.
  absl::StatusOr<size_t> Change(const std::vector<MessageId>& messages, QueueAction action,
                                std::optional<uint32_t> destination);

  const Clock& clock_;
  const RouteTable routes_;
  DestinationBook book_;
  const std::unique_ptr<StoreSetup> setup_;
  LogMailStore store_;
  ReceiptBox receipts_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_OFFLINE_QUEUE_H_
