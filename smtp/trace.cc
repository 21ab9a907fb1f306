#include "smtp/trace.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "core/civil_time.h"
#include "core/limits.h"

namespace postern {
namespace {

constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr std::string_view Word(TransferProtocol protocol) {
  switch (protocol) {
    case TransferProtocol::kSmtp: return "SMTP";
    case TransferProtocol::kEsmtp: return "ESMTP";
    case TransferProtocol::kUtf8Smtp: return "UTF8SMTP";
  }
  return "SMTP";
}

// Letters, digits, and what joins them in names and literals. Not every such text is a name; none of them is harmful.
bool MayBeRepeated(std::string_view helo) {
  return !helo.empty() && helo.size() <= kDomainSizeMax && std::all_of(helo.begin(), helo.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("-._:[]").find(c) != std::string_view::npos;
  });
}

// `digit_count` is the least number of digits.
void AppendNumber(unsigned value, int digit_count, std::string& out) {
  if (value >= 10 || digit_count > 1) AppendNumber(value / 10, digit_count - 1, out);
  out.push_back(static_cast<char>('0' + value % 10));
}

}  // namespace

void AppendDate(WallTime moment, std::string& out) {
  const CivilTime time = ToCivil(moment);
  out.append(kDays[time.weekday]).append(", ");
  AppendNumber(time.day, 1, out);
  out.append(" ").append(kMonths[time.month - 1]).append(" ");
  AppendNumber(static_cast<unsigned>(time.year), 4, out);
  out.append(" ");
  AppendNumber(time.hour, 2, out);
  out.append(":");
  AppendNumber(time.minute, 2, out);
  out.append(":");
  AppendNumber(time.second, 2, out);
  out.append(" +0000");
}

void AppendReceived(const Trace& trace, std::string& out) {
  const bool ipv6 = trace.peer.find(':') != std::string_view::npos;
  out.append("Received: from ").append(MayBeRepeated(trace.helo) ? trace.helo : "unknown");
  out.append(ipv6 ? " ([IPv6:" : " ([").append(trace.peer).append("])\r\n");
  out.append("\tby ").append(trace.hostname).append(" with ").append(Word(trace.protocol));
  out.append(" id ").append(ToText(trace.id).view()).append(";\r\n\t");
  AppendDate(trace.time, out);
  out.append("\r\n");
}

}  // namespace postern
