// Reporter makes reports and brings them into the log: bounces, notices of delay, and the receipts that senders ask
// for.
//
// Relay owns it, on its thread, and lets it take a Turn() at every turn of its own. A report is a message like any
// other, but the record that accepts it also settles what it reports on: there is no moment at which a crash could make
// two reports of one failure, or none. A report that cannot be written now leaves everything as it was.

#ifndef POSTERN_RELAY_REPORTER_H_
#define POSTERN_RELAY_REPORTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/block_pool.h"
#include "core/clock.h"
#include "core/doorbell.h"
#include "core/handoff.h"
#include "core/message.h"
#include "relay/mail_store.h"
#include "relay/outgoing_report.h"
#include "relay/report_request.h"

namespace postern {

class ReportListener {
 public:
  virtual ~ReportListener() = default;
  // Exactly once for every request that was taken, in Turn(). The record of the report is durable, but the log may not
  // have been read so far yet.
  virtual void HandleReported(const ReportRequest& request, const ReportResult& result) = 0;
};

class Reporter {
 public:
  static constexpr size_t kReportCountMax = 16;  // under way at once

  // All that is lent outlives the reporter. `self` wakes the thread that takes the turns.
  Reporter(ReportOptions options, MailStore& store, MessageIdSource& ids, ReportListener& listener, const Clock& clock,
           Wakeable& self);

  // False, and nothing was taken, when too many are under way, or after Stop().
  bool TryStart(ReportRequest&& request);
  // Whether the administrator is to see a failure of which nobody else hears: Duty::kNone, ReportTo::kAdministrator.
  bool Copies(std::string_view note) const { return WantsCopy(options_, note); }

  // A bounded step.
  void Turn();
  // Turn() would find something to do.
  bool HasWork() const { return more_ || !receipts_.queue.LooksEmpty(); }
  // When to come again though nobody woke us: the writer's queue was full.
  std::optional<WallTime> next_turn() const { return next_turn_; }

  bool idle() const { return reports_.empty(); }
  size_t under_way_count() const { return reports_.size(); }
  // Takes no new requests; what is under way goes on to its end.
  void Stop() { stopping_ = true; }

 private:
  static constexpr size_t kBlockCountMax = kReportCountMax;

  const ReportOptions options_;
  ReportListener& listener_;
  const Clock& clock_;
  BlockPool blocks_{kBlockCountMax};
  ReceiptBox receipts_;
  const OutgoingReport::Context context_;
  std::vector<std::unique_ptr<OutgoingReport>> reports_;  // in the order of their requests
  std::optional<WallTime> next_turn_;
  bool more_ = false;
  bool stopping_ = false;
};

}  // namespace postern

#endif  // POSTERN_RELAY_REPORTER_H_
