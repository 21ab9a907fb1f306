#include "gateway/route_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/config_text.h"
#include "gateway/visible_text.h"

namespace postern {
namespace {

std::string Hosts(const Route& route) {
  if (!route.unix_socket.empty()) return absl::StrCat("unix:", route.unix_socket);
  return absl::StrJoin(route.next_hops, ", ",
                       [](std::string* out, const HostPort& host) { absl::StrAppend(out, host.ToString()); });
}

std::string Plural(uint64_t count, std::string_view what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

}  // namespace

std::string WayText(const Route& route) {
  const std::string kind = ToText(route.kind);
  switch (route.kind) {
    case RouteKind::kMaildir: return absl::StrCat(kind, " ", VisibleText(route.maildir));
    case RouteKind::kNextHop:
    case RouteKind::kLmtp: return absl::StrCat(kind, " ", Hosts(route));
    case RouteKind::kMx: return route.port == kSmtpPort ? kind : absl::StrCat(kind, ", port ", route.port);
    case RouteKind::kReject: return absl::StrCat(kind, ": ", VisibleText(route.reject_text));
    case RouteKind::kDiscard: return kind;
  }
  return kind;
}

std::string LimitsText(const Route& route) {
  const std::string size =
      route.message_size_max == 0 ? "no limit of size" : absl::StrCat(FormatSize(route.message_size_max), " a message");
  if (!route.speaks_smtp()) return size;
  const std::string messages = route.messages_per_connection_max == 0
                                   ? "any number of messages each"
                                   : absl::StrCat(Plural(route.messages_per_connection_max, "message"), " each");
  return absl::StrCat(Plural(route.connection_count_max, "connection"), " to a host, ", messages, "; ",
                      Plural(route.recipients_per_transaction_max, "recipient"), " in a transaction; ", size);
}

std::string ScheduleText(const RetryPolicy& policy) {
  std::string text = policy.intervals.size() == 1 ? "" : "after ";
  for (size_t i = 0; i + 1 < policy.intervals.size(); ++i) {
    absl::StrAppend(&text, FormatDuration(policy.intervals[i]), ", ");
  }
  absl::StrAppend(&text, policy.intervals.size() == 1 ? "" : "then ", "every ", FormatDuration(policy.intervals.back()),
                  "; given up after ", FormatDuration(policy.expiry));
  if (policy.by_priority) {
    absl::StrAppend(&text, " (urgent ", FormatDuration(policy.expiry_urgent), ", non-urgent ",
                    FormatDuration(policy.expiry_non_urgent), ")");
  }
  if (policy.delay_notice == Duration::zero()) return absl::StrCat(text, "; no delay notice");
  return absl::StrCat(text, "; the sender is told of a delay after ", FormatDuration(policy.delay_notice));
}

}  // namespace postern
