#include "gateway/control_protocol.h"

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "gateway/queue_json.h"
#include "gateway/visible_text.h"

namespace postern {
namespace {

struct Verb {
  ControlVerb verb;
  const char* name;
  bool names_message;
};
constexpr std::array<Verb, 6> kVerbs = {{
    {ControlVerb::kStatus, "status", false},
    {ControlVerb::kList, "list", false},
    {ControlVerb::kShow, "show", true},
    {ControlVerb::kRetry, "retry", true},
    {ControlVerb::kRetryAll, "retry-all", false},
    {ControlVerb::kDelete, "delete", true},
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

std::optional<uint64_t> NumberOf(const Json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_number_unsigned()) return std::nullopt;
  return member->get<uint64_t>();
}

std::optional<std::string> StringOf(const Json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_string()) return std::nullopt;
  return member->get<std::string>();
}

// A reply that is an object and no error.
absl::StatusOr<Json> ParseReply(std::string_view line) {
  Json json = Parse(line);
  if (!json.is_object()) return Nonsense(line);
  if (const std::optional<std::string> name = StringOf(json, "error")) {
    absl::StatusCode code = absl::StatusCode::kInternal;
    for (const ErrorName& error : kErrors) {
      if (*name == error.name) code = error.code;
    }
    return absl::Status(code, StringOf(json, "text").value_or(*name));
  }
  return json;
}

}  // namespace

std::string EncodeRequest(const ControlRequest& request) {
  Json json;
  for (const Verb& verb : kVerbs) {
    if (verb.verb != request.verb) continue;
    json["command"] = verb.name;
    if (verb.names_message) json["id"] = ToText(request.message).view();
  }
  if (request.verb == ControlVerb::kList) json["cursor"] = request.cursor;
  return Line(json);
}

absl::StatusOr<ControlRequest> ParseRequest(std::string_view line) {
  const Json json = Parse(line);
  if (!json.is_object()) return absl::InvalidArgumentError("a request is one JSON object on a line");
  const std::optional<std::string> name = StringOf(json, "command");
  for (const Verb& verb : kVerbs) {
    if (name != verb.name) continue;
    ControlRequest request{.verb = verb.verb};
    if (verb.names_message) {
      const std::optional<MessageId> id = ParseMessageId(StringOf(json, "id").value_or(""));
      if (!id.has_value()) return absl::InvalidArgumentError("\"id\" must be the id of a message");
      request.message = *id;
    }
    if (json.contains("cursor")) {
      const std::optional<uint64_t> cursor = NumberOf(json, "cursor");
      if (!cursor.has_value()) return absl::InvalidArgumentError("\"cursor\" must be a number that a page has told");
      request.cursor = *cursor;
    }
    return request;
  }
  return absl::InvalidArgumentError("\"command\" must be status, list, show, retry, retry-all or delete");
}

std::string EncodeDone() { return Line({{"done", true}}); }

std::string EncodeError(const absl::Status& error) {
  Json json;
  json["error"] = "failed";
  for (const ErrorName& known : kErrors) {
    if (known.code == error.code()) json["error"] = known.name;
  }
  json["text"] = std::string(error.message());
  return Line(json);
}

absl::Status ParseDone(std::string_view line) {
  const absl::StatusOr<Json> json = ParseReply(line);
  if (!json.ok()) return json.status();
  return json->contains("done") ? absl::OkStatus() : Nonsense(line);
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
  page.message_count = NumberOf(*json, "count").value_or(0);
  page.next_cursor = NumberOf(*json, "next_cursor");
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
  const std::optional<std::string> version = StringOf(*json, "version");
  const std::optional<uint64_t> pid = NumberOf(*json, "pid");
  const std::optional<std::string> identity = StringOf(*json, "identity");
  if (!version || !pid || !identity || counters == json->end() || !counters->is_object()) return Nonsense(line);
  GatewayStatus status{.version = *version, .pid = static_cast<int64_t>(*pid), .identity = *identity};
  for (const auto& [name, value] : counters->items()) {
    if (value.is_number_unsigned()) status.counters.emplace_back(name, value.get<uint64_t>());
  }
  return status;
}

}  // namespace postern
