#include "tests/sim/sim_report.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "tests/smtp/report_reader.h"

namespace postern {
namespace {

std::string WithoutType(std::string_view address) {
  if (!absl::ConsumePrefix(&address, "rfc822;")) absl::ConsumePrefix(&address, "utf-8;");
  return std::string(address);
}

std::string Between(std::string_view text, char first, char last) {
  const size_t begin = text.find(first);
  const size_t end = text.find(last, begin == std::string_view::npos ? 0 : begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) return {};
  return std::string(text.substr(begin + 1, end - begin - 1));
}

}  // namespace

std::optional<SimReport> ReadSimReport(std::string_view text) {
  if (!absl::StartsWith(text, "From: Mail Delivery System <")) return std::nullopt;
  ReadReport read = ReadReportText(text);
  std::vector<ReadFields> groups = read.status();
  if (groups.size() < 2) return std::nullopt;
  const std::optional<MessageId> id = ParseMessageId(Between(read.header.Value("Message-ID"), '<', '@'));
  const std::optional<MessageId> about = ParseMessageId(groups[0].Value("X-Postern-ID"));
  if (!id.has_value() || !about.has_value()) return std::nullopt;
  SimReport report;
  report.id = *id;
  report.about = *about;
  report.to = Between(read.header.Value("To"), '<', '>');
  report.envid = groups[0].Value("Original-Envelope-Id");
  for (size_t i = 1; i < groups.size(); ++i) {
    report.recipients.push_back({.address = WithoutType(groups[i].Value("Final-Recipient")),
                                 .action = groups[i].Value("Action"),
                                 .original = groups[i].Value("Original-Recipient")});
  }
  if (read.parts.size() > 2) {
    const std::string type = read.parts[2].header.Value("Content-Type");
    report.returns_message = type == "message/rfc822" || type == "message/global";
    report.returned = std::move(read.parts[2].body);
  }
  return report;
}

}  // namespace postern
