// ReportReader takes a report apart again, strictly: what is not as RFC 5322, 2046 and 3464 have it fails the test.
//
// A test owns what comes out; everything is on its thread. It shares no code with what writes reports.

#ifndef POSTERN_TESTS_SMTP_REPORT_READER_H_
#define POSTERN_TESTS_SMTP_REPORT_READER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern {

// Fields in their order, unfolded.
struct ReadFields {
  std::vector<std::pair<std::string, std::string>> all{};

  // Of the only field with that name; "(none)" or "(several)" otherwise.
  std::string Value(std::string_view name) const;
};

struct ReadPart {
  ReadFields header{};
  std::string body{};
};

struct ReadReport {
  ReadFields header{};
  std::vector<ReadPart> parts{};

  std::string people() const { return parts.empty() ? "" : parts[0].body; }
  // The groups of the second part: of the message, then of each recipient.
  std::vector<ReadFields> status() const;
};

ReadReport ReadReportText(std::string_view text);

// Every line ends with CR LF, holds at most 998 bytes, and no control byte but a tab.
void ExpectSoundLines(std::string_view text);

}  // namespace postern

#endif  // POSTERN_TESTS_SMTP_REPORT_READER_H_
