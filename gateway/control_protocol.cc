#include "gateway/control_protocol.h"

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/queue_json.h"
#include "gateway/visible_text.h"

namespace postern {
namespace {

struct Verb {
  const char* name;
  ControlVerb verb;
  QueueAction action = QueueAction::kRetry;  // kAct
};
constexpr std::array<Verb, 10> kVerbs = {{
    {"status", ControlVerb::kStatus},
    {"destinations", ControlVerb::kDestinations},
    {"list", ControlVerb::kList},
    {"show", ControlVerb::kShow},
    {"export", ControlVerb::kExport},
    {"retry", ControlVerb::kAct, QueueAction::kRetry},
    {"hold", ControlVerb::kAct, QueueAction::kHold},
    {"release", ControlVerb::kAct, QueueAction::kRelease},
    {"delete", ControlVerb::kAct, QueueAction::kDelete},
    {"bounce", ControlVerb::kAct, QueueAction::kBounce},
}};

struct ResultName {
  ActResult result;
  const char* name;
};
constexpr std::array<ResultName, 3> kResults = {{
    {ActResult::kDone, "done"},
    {ActResult::kBegun, "begun"},
    {ActResult::kUnchanged, "unchanged"},
}};

struct ErrorName {
  absl::StatusCode code;
  const char* name;
};
constexpr std::array<ErrorName, 5> kErrors = {{
    {absl::StatusCode::kNotFound, "not-found"},
    {absl::StatusCode::kUnavailable, "busy"},
    {absl::StatusCode::kDeadlineExceeded, "unconfirmed"},
    {absl::StatusCode::kInvalidArgument, "invalid"},
    {absl::StatusCode::kInternal, "failed"},
}};

std::string Line(const Json& json) { return ToLine(json) + '\n'; }

// Null when it is no JSON.
Json Parse(std::string_view line) {
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json() : json;
}

absl::Status Nonsense(std::string_view line) {
  return absl::InternalError(absl::StrCat("the gateway's reply makes no sense: \"", VisibleText(line, 200), "\""));
}

// A reply that is an object and no error.
absl::StatusOr<Json> ParseReply(std::string_view line) {
  Json json = Parse(line);
  if (!json.is_object()) return Nonsense(line);
  if (const std::optional<std::string> name = StringMember(json, "error")) {
    absl::StatusCode code = absl::StatusCode::kInternal;
    for (const ErrorName& error : kErrors) {
      if (*name == error.name) code = error.code;
    }
    return absl::Status(code, StringMember(json, "text").value_or(*name));
  }
  return json;
}

}  // namespace

std::string EncodeRequest(const ControlRequest& request) {
  Json json;
  for (const Verb& verb : kVerbs) {
    if (verb.verb == request.verb && (verb.verb != ControlVerb::kAct || verb.action == request.action)) {
      json["command"] = verb.name;
    }
  }
  if (request.message.has_value()) json["id"] = ToText(*request.message).view();
  if (request.destination.has_value()) json["destination"] = *request.destination;
  if (request.all) json["all"] = true;
  if (request.verb == ControlVerb::kList) json["cursor"] = request.cursor;
  return Line(json);
}

absl::StatusOr<ControlRequest> ParseRequest(std::string_view line) {
  const Json json = Parse(line);
  if (!json.is_object()) return absl::InvalidArgumentError("a request is one JSON object on a line");
  const std::optional<std::string> name = StringMember(json, "command");
  const auto verb = std::find_if(kVerbs.begin(), kVerbs.end(), [&name](const Verb& v) { return name == v.name; });
  if (verb == kVerbs.end()) {
    return absl::InvalidArgumentError(
        "\"command\" must be status, destinations, list, show, export, retry, hold, release, delete or bounce");
  }
  ControlRequest request{.verb = verb->verb, .action = verb->action};
  request.destination = StringMember(json, "destination");
  if (json.contains("id")) {
    request.message = ParseMessageId(StringMember(json, "id").value_or(""));
    if (!request.message.has_value()) return absl::InvalidArgumentError("\"id\" must be the id of a message");
  }
  if (json.contains("cursor")) {
    const std::optional<uint64_t> cursor = NumberMember(json, "cursor");
    if (!cursor.has_value()) return absl::InvalidArgumentError("\"cursor\" must be a number that a page has told");
    request.cursor = *cursor;
  }
  if ((verb->verb == ControlVerb::kShow || verb->verb == ControlVerb::kExport) && !request.message.has_value()) {
    return absl::InvalidArgumentError("\"id\" must be the id of a message");
  }
  request.all = FlagMember(json, "all");
  const int target_count =
      (request.message.has_value() ? 1 : 0) + (request.destination.has_value() ? 1 : 0) + (request.all ? 1 : 0);
  if (verb->verb == ControlVerb::kAct && target_count != 1) {
    return absl::InvalidArgumentError("one of \"id\", \"destination\" and \"all\":true must say what is meant");
  }
  return request;
}

std::string EncodeResult(ActResult result) {
  for (const ResultName& known : kResults) {
    if (known.result == result) return Line({{known.name, true}});
  }
  return {};
}

absl::StatusOr<ActResult> ParseResult(std::string_view line) {
  const absl::StatusOr<Json> json = ParseReply(line);
  if (!json.ok()) return json.status();
  for (const ResultName& known : kResults) {
    if (json->contains(known.name)) return known.result;
  }
  return Nonsense(line);
}

std::string EncodeError(const absl::Status& error) {
  Json json;
  json["error"] = "failed";
  for (const ErrorName& known : kErrors) {
    if (known.code == error.code()) json["error"] = known.name;
  }
  json["text"] = std::string(error.message());
  return Line(json);
}

std::string EncodeDestinations(const DestinationPage& page) {
  Json json;
  json["destinations"] = Json::array();
  for (const DestinationView& destination : page.destinations) json["destinations"].push_back(ToJson(destination));
  json["count"] = page.message_count;
  if (page.more) json["more"] = true;
  return Line(json);
}

absl::StatusOr<DestinationPage> ParseDestinations(std::string_view line) {
  const absl::StatusOr<Json> json = ParseReply(line);
  if (!json.ok()) return json.status();
  const auto destinations = json->find("destinations");
  if (destinations == json->end() || !destinations->is_array()) return Nonsense(line);
  DestinationPage page;
  page.message_count = NumberMember(*json, "count").value_or(0);
  page.more = FlagMember(*json, "more");
  for (const Json& item : *destinations) {
    std::optional<DestinationView> destination = DestinationFromJson(item);
    if (!destination.has_value()) return Nonsense(line);
    page.destinations.push_back(*std::move(destination));
  }
  return page;
}

std::string EncodePiece(std::string_view bytes, bool more) {
  Json json;
  json["data"] = absl::Base64Escape(bytes);
  if (more) json["more"] = true;
  return Line(json);
}

absl::StatusOr<ExportPiece> ParsePiece(std::string_view line) {
  const absl::StatusOr<Json> json = ParseReply(line);
  if (!json.ok()) return json.status();
  ExportPiece piece;
  const std::optional<std::string> data = StringMember(*json, "data");
  if (!data.has_value() || !absl::Base64Unescape(*data, &piece.bytes)) return Nonsense(line);
  piece.more = FlagMember(*json, "more");
  return piece;
}

std::string EncodePage(const QueuePage& page) {
  Json json;
  json["messages"] = Json::array();
  for (const QueueEntryView& entry : page.entries) json["messages"].push_back(ToJson(entry));
  json["count"] = page.message_count;
  if (page.next_cursor.has_value()) json["next_cursor"] = *page.next_cursor;
  return Line(json);
}

absl::StatusOr<QueuePage> ParsePage(std::string_view line) {
  const absl::StatusOr<Json> json = ParseReply(line);
  if (!json.ok()) return json.status();
  const auto messages = json->find("messages");
  if (messages == json->end() || !messages->is_array()) return Nonsense(line);
  QueuePage page;
  page.message_count = NumberMember(*json, "count").value_or(0);
  page.next_cursor = NumberMember(*json, "next_cursor");
  for (const Json& message : *messages) {
    std::optional<QueueEntryView> entry = EntryFromJson(message);
    if (!entry.has_value()) return Nonsense(line);
    page.entries.push_back(*std::move(entry));
  }
  return page;
}

std::string EncodeEntry(const QueueEntryView& entry) {
  Json json;
  json["message"] = ToJson(entry);
  return Line(json);
}

absl::StatusOr<QueueEntryView> ParseEntry(std::string_view line) {
  const absl::StatusOr<Json> json = ParseReply(line);
  if (!json.ok()) return json.status();
  const auto message = json->find("message");
  if (message == json->end()) return Nonsense(line);
  std::optional<QueueEntryView> entry = EntryFromJson(*message);
  if (!entry.has_value()) return Nonsense(line);
  return *std::move(entry);
}

std::string EncodeStatus(const GatewayStatus& status) {
  Json json;
  json["version"] = status.version;
  json["pid"] = status.pid;
  json["identity"] = status.identity;
  json["counters"] = Json::object();
  for (const auto& [name, value] : status.counters) json["counters"][name] = value;
  return Line(json);
}

absl::StatusOr<GatewayStatus> ParseStatus(std::string_view line) {
  const absl::StatusOr<Json> json = ParseReply(line);
  if (!json.ok()) return json.status();
  const auto counters = json->find("counters");
  const std::optional<std::string> version = StringMember(*json, "version");
  const std::optional<uint64_t> pid = NumberMember(*json, "pid");
  const std::optional<std::string> identity = StringMember(*json, "identity");
  if (!version || !pid || !identity || counters == json->end() || !counters->is_object()) return Nonsense(line);
  GatewayStatus status{.version = *version, .pid = static_cast<int64_t>(*pid), .identity = *identity};
  for (const auto& [name, value] : counters->items()) {
    if (value.is_number_unsigned()) status.counters.emplace_back(name, value.get<uint64_t>());
  }
  return status;
}

}  // namespace postern
