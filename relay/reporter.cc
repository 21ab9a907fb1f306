#include "relay/reporter.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "relay/retry_policy.h"

namespace postern {
namespace {

constexpr Duration kFullQueuePause = std::chrono::milliseconds(1);

ReportOptions WithPostmaster(ReportOptions options) {
  if (options.postmaster.empty()) options.postmaster = absl::StrCat("postmaster@", options.hostname);
  return options;
}

}  // namespace

Reporter::Reporter(ReportOptions options, MailStore& store, MessageIdSource& ids, ReportListener& listener,
                   const Clock& clock, Wakeable& self)
    : options_(WithPostmaster(std::move(options))),
      listener_(listener),
      clock_(clock),
      receipts_(kReportCountMax * OutgoingReport::kHandoffCount, self),
      context_{options_, store, ids, clock, blocks_, receipts_} {}

bool Reporter::TryStart(ReportRequest&& request) {
  if (stopping_ || reports_.size() == kReportCountMax) return false;
  reports_.push_back(std::make_unique<OutgoingReport>(std::move(request), context_));
  more_ = true;
  return true;
}

void Reporter::Turn() {
  Handoff* handoff = nullptr;
  while (receipts_.queue.TryPop(handoff)) static_cast<OutgoingReport*>(handoff->owner)->HandleReceipt(*handoff);
  more_ = false;
  next_turn_.reset();
  bool waits_for_block = false;
  std::vector<std::unique_ptr<OutgoingReport>> done;
  for (std::unique_ptr<OutgoingReport>& report : reports_) {
    const WorkScope work(options_.slot, WorkStage::kReporting, report->request().about);
    switch (report->Run()) {
      case OutgoingReport::Progress::kMore: more_ = true; break;
      case OutgoingReport::Progress::kWaits: break;
      case OutgoingReport::Progress::kNoBlock: waits_for_block = true; break;
      case OutgoingReport::Progress::kQueueFull: next_turn_ = clock_.Wall() + kFullQueuePause; break;
      case OutgoingReport::Progress::kDone: done.push_back(std::move(report)); break;
    }
  }
  std::erase(reports_, nullptr);
  // One that gave up its block did so after another had asked.
  more_ = more_ || (waits_for_block && blocks_.lent_count() < blocks_.count_max());
  // At the end: the listener may start others.
  for (const std::unique_ptr<OutgoingReport>& report : done) {
    listener_.HandleReported(report->request(), report->result());
  }
}

}  // namespace postern
