#include "gateway/route_explanation.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/route_text.h"
#include "gateway/visible_text.h"
#include "smtp/client_policy.h"

namespace postern {
namespace {

using Verdict = RouteExplanation::Verdict;

constexpr std::string_view kIndent = "\n            ";  // below the first word of a line

int64_t Seconds(Duration duration) { return std::chrono::duration_cast<std::chrono::seconds>(duration).count(); }

const char* VerdictText(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGoes: return "goes";
    case Verdict::kWaits: return "waits";
    case Verdict::kRefused: return "refused";
  }
  return "";
}

std::string HostText(const ExplainedHost& host, const Route& route) {
  std::string text = route.kind == RouteKind::kMx ? absl::StrCat(host.preference, " ") : "";
  absl::StrAppend(&text, VisibleText(host.name));
  const std::string addresses = absl::StrJoin(host.addresses, ", ", [](std::string* out, const SocketAddress& address) {
    absl::StrAppend(out, address.ToString());
  });
  if (!addresses.empty()) absl::StrAppend(&text, ": ", addresses);
  if (!host.note.empty()) {
    absl::StrAppend(&text, host.tried ? " (" : " (left out: ", VisibleText(host.note), ")");
  }
  return text;
}

// What becomes of a message that comes now.
std::string NowText(const RouteExplanation& explanation) {
  switch (explanation.verdict) {
    case Verdict::kRefused: return absl::StrCat("refused: ", VisibleText(explanation.text));
    case Verdict::kWaits: return absl::StrCat("waits: ", VisibleText(explanation.text));
    case Verdict::kGoes: break;
  }
  const Route& route = *explanation.route;
  std::string text;
  switch (route.kind) {
    case RouteKind::kMaildir: text = absl::StrCat("goes into ", VisibleText(explanation.mailbox)); break;
    case RouteKind::kDiscard: text = "is taken and thrown away"; break;
    default:
      text = explanation.hosts.empty() ? absl::StrCat("goes to unix:", VisibleText(route.unix_socket))
                                       : "goes to the first of the hosts that answers";
  }
  if (!explanation.text.empty()) absl::StrAppend(&text, "; but ", VisibleText(explanation.text));
  return text;
}

Json LimitsJson(const Route& route) {
  Json limits = {{"message_size_max", route.message_size_max}};
  if (!route.speaks_smtp()) return limits;
  limits["connections_max"] = route.connection_count_max;
  limits["messages_per_connection_max"] = route.messages_per_connection_max;
  limits["recipients_per_transaction_max"] = route.recipients_per_transaction_max;
  limits["eight_bit"] = route.eight_bit == EightBit::kPass ? "pass" : "bounce";
  return limits;
}

// In seconds.
Json ScheduleJson(const RetryPolicy& policy) {
  Json intervals = Json::array();
  for (const Duration interval : policy.intervals) intervals.push_back(Seconds(interval));
  return {{"retry", intervals},
          {"expiry", Seconds(policy.expiry)},
          {"expiry_urgent", Seconds(policy.by_priority ? policy.expiry_urgent : policy.expiry)},
          {"expiry_non_urgent", Seconds(policy.by_priority ? policy.expiry_non_urgent : policy.expiry)},
          {"delay_notice", Seconds(policy.delay_notice)}};
}

Json HostJson(const ExplainedHost& host, const Route& route) {
  Json json = {{"host", host.name}, {"port", host.port}};
  if (route.kind == RouteKind::kMx) json["preference"] = host.preference;
  json["addresses"] = Json::array();
  for (const SocketAddress& address : host.addresses) json["addresses"].push_back(address.ToString());
  json["tried"] = host.tried;
  if (!host.note.empty()) json["note"] = host.note;
  return json;
}

}  // namespace

std::string ToText(const RouteExplanation& explanation, std::string_view file) {
  std::string text = absl::StrCat(VisibleText(explanation.address), "\n");
  const auto line = [&text](std::string_view name, std::string_view value) {
    absl::StrAppend(&text, "  ", name, std::string(10 - name.size(), ' '), value, "\n");
  };
  if (explanation.route == nullptr) {
    line("rule", "none");
    line("now", NowText(explanation));
    return text;
  }
  const Route& route = *explanation.route;
  const std::string where = route.line == 0 ? "the default, without a configuration of routes"
                                            : absl::StrCat("line ", route.line, " of ", VisibleText(file));
  line("rule", absl::StrCat("\"", VisibleText(route.match), "\", ", where));
  line("way", WayText(route));
  if (!explanation.hosts.empty()) {
    line("hosts", absl::StrJoin(explanation.hosts, kIndent, [&route](std::string* out, const ExplainedHost& host) {
           absl::StrAppend(out, HostText(host, route));
         }));
  }
  line("now", NowText(explanation));
  if (route.kind == RouteKind::kReject || route.kind == RouteKind::kDiscard) return text;
  line("limits", LimitsText(route));
  line("retry", ScheduleText(route.retry));
  return text;
}

Json ToJson(const RouteExplanation& explanation, std::string_view file) {
  Json json = {{"address", explanation.address}};
  if (explanation.route != nullptr) {
    const Route& route = *explanation.route;
    json["rule"] = {{"domain", route.match}, {"line", route.line}};
    if (route.line != 0) json["rule"]["file"] = file;
    json["kind"] = ToText(route.kind);
    if (!explanation.mailbox.empty()) json["maildir"] = explanation.mailbox;
    if (!route.unix_socket.empty()) json["socket"] = route.unix_socket;
    if (!route.reject_text.empty()) json["reject"] = route.reject_text;
    if (!explanation.hosts.empty()) {
      json["hosts"] = Json::array();
      for (const ExplainedHost& host : explanation.hosts) json["hosts"].push_back(HostJson(host, route));
    }
    json["limits"] = LimitsJson(route);
    json["schedule"] = ScheduleJson(route.retry);
  }
  json["now"] = VerdictText(explanation.verdict);
  if (!explanation.text.empty()) json["text"] = explanation.text;
  return json;
}

}  // namespace postern
