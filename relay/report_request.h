// ReportRequest is a report that somebody is owed, before it is made; ReportResult is what came of it.
//
// Plain values: the relay fills in a request, on its thread, and the reporter keeps it until it has told the listener.

#ifndef POSTERN_RELAY_REPORT_REQUEST_H_
#define POSTERN_RELAY_REPORT_REQUEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/message.h"
#include "smtp/dsn.h"

namespace postern {

enum class ReportTo : uint8_t {
  kSender,
  kPostmaster,     // the report is about a report of ours
  kAdministrator,  // the sender wants to hear nothing, but ReportOptions::copy_to does
};

struct ReportedRecipient {
  uint32_t index = 0;  // in the envelope
  ReportedAction action = ReportedAction::kFailed;
  std::string note{};         // the last reply or reason, as it is noted: smtp/noted_reply.h
  std::string remote_host{};  // who gave it; empty when it is not known
  WallTime last_attempt{};    // zero when it is not known
  WallTime retry_until{};     // kDelay; zero when it is not known
  // kDelay: the recipient goes on waiting, as it did.
  uint16_t attempt_count = 0;
  WallTime next_attempt{};
};

// One report to one reader. Its recipients are all of `kind`, and for all of them the same is owed (report_duty.h).
struct ReportRequest {
  MessageId about;
  ReportKind kind = ReportKind::kFailure;
  ReportTo to = ReportTo::kSender;
  std::vector<ReportedRecipient> recipients{};
};

struct ReportResult {
  MessageId report{};         // zero when it could not be made now: nothing has changed, it may be tried again
  std::string_view to{};      // whom it goes to
  std::string_view reason{};  // why it could not be made
};

}  // namespace postern

#endif  // POSTERN_RELAY_REPORT_REQUEST_H_
