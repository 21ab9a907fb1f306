// SimReport is a report of the gateway's as it was found in the simulated world, taken apart.
//
// A plain value of whoever found it, on the simulation's one thread. It is read by the strict reader that the tests of
// the report's writer use: what is no report fails the test there.

#ifndef POSTERN_TESTS_SIM_SIM_REPORT_H_
#define POSTERN_TESTS_SIM_SIM_REPORT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/message.h"

namespace postern {

struct SimReportRecipient {
  std::string address;
  std::string action;
  std::string original;  // Original-Recipient, "(none)" when it is missing
};

struct SimReport {
  MessageId id;
  MessageId about;
  std::string to;
  std::string envid;  // "(none)" when it is missing
  std::vector<SimReportRecipient> recipients;
  bool returns_message = false;  // and not only its header, or nothing
  std::string returned;          // the third part
};

// `text` without what a mailbox puts before it. Nothing when it is no report.
std::optional<SimReport> ReadSimReport(std::string_view text);

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_REPORT_H_
