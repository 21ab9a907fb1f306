#include "gateway/queue_json.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "core/civil_time.h"

namespace postern {
namespace {

std::optional<WallTime> ParseTime(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return std::nullopt;
  return WallTime{absl::ToUnixMicros(time)};
}

std::optional<RecipientState> ParseState(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(RecipientState::kDeleted); ++i) {
    if (text == ToText(static_cast<RecipientState>(i))) return static_cast<RecipientState>(i);
  }
  return std::nullopt;
}

Json ToJson(const QueueRecipientView& recipient) {
  const QueuedRecipient& status = recipient.status;
  Json json;
  json["address"] = recipient.address;
  json["state"] = ToText(status.state);
  json["attempts"] = status.attempt_count;
  json["next_attempt"] = nullptr;  // when somebody has set a time for it
  if (status.state == RecipientState::kDeferred) json["next_attempt"] = FormatTime(status.next_attempt);
  json["text"] = recipient.text;
  return json;
}

// The member, when it is a string.
std::optional<std::string> StringOf(const Json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_string()) return std::nullopt;
  return member->get<std::string>();
}

std::optional<QueueRecipientView> RecipientFromJson(const Json& json) {
  const auto address = StringOf(json, "address");
  const auto state = ParseState(StringOf(json, "state").value_or(""));
  const auto text = StringOf(json, "text");
  const auto attempts = json.find("attempts");
  if (!address || !state || !text || attempts == json.end() || !attempts->is_number_unsigned()) return std::nullopt;
  QueueRecipientView recipient{.address = *address, .status = {}, .text = *text};
  recipient.status.state = *state;
  recipient.status.attempt_count = static_cast<uint16_t>(attempts->get<uint64_t>());
  if (const auto next = StringOf(json, "next_attempt")) {
    const std::optional<WallTime> time = ParseTime(*next);
    if (!time) return std::nullopt;
    recipient.status.next_attempt = *time;
  }
  return recipient;
}

}  // namespace

std::string FormatTime(WallTime moment) {
  const CivilTime time = ToCivil(moment);
  return absl::StrFormat("%04d-%02u-%02uT%02u:%02u:%02uZ", time.year, time.month, time.day, time.hour, time.minute,
                         time.second);
}

std::string ToLine(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json ToJson(const QueueEntryView& entry) {
  Json json;
  json["id"] = ToText(entry.id).view();
  json["received"] = FormatTime(entry.id.born());
  json["size"] = entry.body_size;
  json["sender"] = entry.sender;
  json["peer"] = entry.peer;
  json["recipients"] = Json::array();
  for (const QueueRecipientView& recipient : entry.recipients) json["recipients"].push_back(ToJson(recipient));
  if (!entry.error.empty()) json["error"] = entry.error;
  return json;
}

std::optional<QueueEntryView> EntryFromJson(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto id = ParseMessageId(StringOf(json, "id").value_or(""));
  const auto sender = StringOf(json, "sender");
  const auto peer = StringOf(json, "peer");
  const auto size = json.find("size");
  const auto recipients = json.find("recipients");
  if (!id || !sender || !peer || size == json.end() || !size->is_number_unsigned()) return std::nullopt;
  if (recipients == json.end() || !recipients->is_array()) return std::nullopt;
  QueueEntryView entry;
  entry.id = *id;
  entry.body_size = size->get<uint64_t>();
  entry.sender = *sender;
  entry.peer = *peer;
  entry.error = StringOf(json, "error").value_or("");
  for (const Json& item : *recipients) {
    std::optional<QueueRecipientView> recipient;
    if (item.is_object()) recipient = RecipientFromJson(item);
    if (!recipient) return std::nullopt;
    entry.recipients.push_back(*std::move(recipient));
  }
  return entry;
}

}  // namespace postern
