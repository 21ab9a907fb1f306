#include "gateway/queue_json.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "core/civil_time.h"
#include "core/envelope.h"

namespace postern {
namespace {

std::optional<WallTime> ParseTime(const std::string& text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return std::nullopt;
  return WallTime{absl::ToUnixMicros(time)};
}

std::optional<RecipientState> ParseState(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(kLastRecipientState); ++i) {
    if (text == ToText(static_cast<RecipientState>(i))) return static_cast<RecipientState>(i);
  }
  return std::nullopt;
}

Json TimeOrNull(bool known, WallTime time) { return known ? Json(FormatTime(time)) : Json(); }

// False when the member is neither a time nor null.
bool ReadTime(const Json& json, const char* name, WallTime& time) {
  const auto member = json.find(name);
  if (member == json.end()) return false;
  if (member->is_null()) return true;
  const std::optional<WallTime> parsed = ParseTime(StringMember(json, name).value_or(""));
  if (parsed.has_value()) time = *parsed;
  return parsed.has_value();
}

bool ReadCount(const Json& json, const char* name, size_t& count) {
  const std::optional<uint64_t> number = NumberMember(json, name);
  if (number.has_value()) count = *number;
  return number.has_value();
}

Json ToJson(const QueueRecipientView& recipient) {
  const QueuedRecipient& status = recipient.status;
  const bool has_time = status.state == RecipientState::kDeferred || status.state == RecipientState::kDelayed;
  Json json;
  json["address"] = recipient.address;
  json["destination"] = recipient.destination;
  json["state"] = ToText(status.state);
  json["attempts"] = status.attempt_count;
  json["next_attempt"] = TimeOrNull(has_time, status.next_attempt);
  json["text"] = recipient.text;
  json["due"] = nullptr;
  if (!recipient.due.empty()) json["due"] = recipient.due;
  return json;
}

std::optional<QueueRecipientView> RecipientFromJson(const Json& json) {
  const auto address = StringMember(json, "address");
  const auto destination = StringMember(json, "destination");
  const auto state = ParseState(StringMember(json, "state").value_or(""));
  const auto text = StringMember(json, "text");
  const auto attempts = NumberMember(json, "attempts");
  if (!address || !destination || !state || !text || !attempts) return std::nullopt;
  QueueRecipientView recipient{
      .address = *address, .destination = *destination, .text = *text, .due = StringMember(json, "due").value_or("")};
  recipient.status.state = *state;
  recipient.status.attempt_count = static_cast<uint16_t>(*attempts);
  if (!ReadTime(json, "next_attempt", recipient.status.next_attempt)) return std::nullopt;
  return recipient;
}

}  // namespace

std::string FormatTime(WallTime moment) {
  const CivilTime time = ToCivil(moment);
  return absl::StrFormat("%04d-%02u-%02uT%02u:%02u:%02uZ", time.year, time.month, time.day, time.hour, time.minute,
                         time.second);
}

std::optional<std::string> StringMember(const Json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_string()) return std::nullopt;
  return member->get<std::string>();
}

std::optional<uint64_t> NumberMember(const Json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_number_unsigned()) return std::nullopt;
  return member->get<uint64_t>();
}

bool FlagMember(const Json& json, const char* name) {
  const auto member = json.find(name);
  return member != json.end() && member->is_boolean() && member->get<bool>();
}

const char* PriorityText(uint8_t envelope_flags) {
  if ((envelope_flags & kEnvelopeUrgent) != 0) return "urgent";
  return (envelope_flags & kEnvelopeNonUrgent) != 0 ? "non-urgent" : "normal";
}

std::string ToLine(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json ToJson(const QueueEntryView& entry) {
  Json json;
  json["id"] = ToText(entry.id).view();
  json["received"] = FormatTime(entry.id.born());
  json["size"] = entry.body_size;
  json["priority"] = PriorityText(entry.flags);
  json["report"] = (entry.flags & kEnvelopeReport) != 0;
  json["sender"] = entry.sender;
  json["peer"] = entry.peer;
  json["recipients"] = Json::array();
  for (const QueueRecipientView& recipient : entry.recipients) json["recipients"].push_back(ToJson(recipient));
  if (!entry.error.empty()) json["error"] = entry.error;
  return json;
}

std::optional<QueueEntryView> EntryFromJson(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto id = ParseMessageId(StringMember(json, "id").value_or(""));
  const auto sender = StringMember(json, "sender");
  const auto peer = StringMember(json, "peer");
  const auto size = NumberMember(json, "size");
  const auto recipients = json.find("recipients");
  if (!id || !sender || !peer || !size) return std::nullopt;
  if (recipients == json.end() || !recipients->is_array()) return std::nullopt;
  QueueEntryView entry{.id = *id, .body_size = *size, .sender = *sender, .peer = *peer};
  entry.error = StringMember(json, "error").value_or("");
  for (const uint8_t priority : {kEnvelopeUrgent, kEnvelopeNonUrgent}) {
    if (StringMember(json, "priority") == PriorityText(priority)) entry.flags |= priority;
  }
  if (FlagMember(json, "report")) entry.flags |= kEnvelopeReport;
  for (const Json& item : *recipients) {
    std::optional<QueueRecipientView> recipient;
    if (item.is_object()) recipient = RecipientFromJson(item);
    if (!recipient) return std::nullopt;
    entry.recipients.push_back(*std::move(recipient));
  }
  return entry;
}

Json ToJson(const DestinationView& destination) {
  const auto& live = destination.live;
  Json json;
  json["name"] = destination.name;
  json["waiting"] = destination.waiting_count;
  json["active"] = nullptr;  // nobody knows while no gateway runs; the same with "state" and "probe_at"
  if (live.has_value()) json["active"] = live->active_count;
  json["deferred"] = destination.deferred_count;
  json["held"] = destination.held_count;
  json["report_due"] = destination.report_due_count;
  json["oldest"] = FormatTime(destination.oldest);
  json["state"] = nullptr;
  if (live.has_value()) json["state"] = live->down ? "down" : "up";
  json["probe_at"] = TimeOrNull(live.has_value() && live->down, live.has_value() ? live->probe_at : WallTime{});
  json["last_error"] = destination.last_error;
  return json;
}

std::optional<DestinationView> DestinationFromJson(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto name = StringMember(json, "name");
  const auto last_error = StringMember(json, "last_error");
  if (!name || !last_error) return std::nullopt;
  DestinationView destination{.name = *name, .last_error = *last_error};
  if (!ReadCount(json, "waiting", destination.waiting_count) ||
      !ReadCount(json, "deferred", destination.deferred_count) || !ReadCount(json, "held", destination.held_count) ||
      !ReadCount(json, "report_due", destination.report_due_count) || !ReadTime(json, "oldest", destination.oldest)) {
    return std::nullopt;
  }
  if (const auto state = StringMember(json, "state")) {
    LiveView& live = destination.live.emplace();
    live.down = *state == "down";
    if (!ReadCount(json, "active", live.active_count)) return std::nullopt;
    if (!ReadTime(json, "probe_at", live.probe_at)) return std::nullopt;
  }
  return destination;
}

}  // namespace postern
