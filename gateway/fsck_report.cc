#include "gateway/fsck_report.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/message.h"
#include "gateway/queue_json.h"

namespace postern {
namespace {

std::string Count(uint64_t count, std::string_view one, std::string_view many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

std::string DamageText(const Damage& damage) {
  std::string text =
      absl::StrCat("segment ", damage.position.segment, " at ", damage.position.offset, ": ", ToText(damage.kind));
  if (damage.size > 0) absl::StrAppend(&text, ", ", Count(damage.size, "byte", "bytes"));
  if (damage.gap_count > 0) absl::StrAppend(&text, ", ", Count(damage.gap_count, "record", "records"));
  if (damage.message.number != 0) absl::StrAppend(&text, ", of message ", ToText(damage.message).view());
  if (!damage.error.empty()) absl::StrAppend(&text, ": ", damage.error);
  if (!damage.copied_to.empty()) absl::StrAppend(&text, "; kept as ", damage.copied_to);
  return text;
}

std::string MisplacedText(const MisplacedSegment& segment, bool mended) {
  std::string_view what = mended ? "and has its name back" : "and is read as that; a start gives it its name back";
  if (segment.is_copy) what = mended ? "a copy, and is in the quarantine" : "a copy, and is passed over";
  return absl::StrCat("segment ", segment.named, " at 0: the file is segment ", segment.holds, ", ", what);
}

std::string IncompleteText(const IncompleteMessage& message) {
  return absl::StrCat("message ", ToText(message.message).view(), ": ", message.lost_count, " of ",
                      Count(message.piece_count, "piece", "pieces"),
                      " of its body are lost: it is never sent, and waits until `postern queue delete` or `bounce`");
}

void AppendLog(std::string& text, const StoreCheck::Log& log) {
  const LogCheck& check = log.check;
  const RecoveryReport& report = check.report;
  absl::StrAppend(&text, log.path, ": ", Count(report.segment_count, "segment", "segments"), ", ", check.spare_count,
                  " spare; ", Count(check.record_count, "record", "records"), "; ",
                  Count(check.queued.size(), "message", "messages"), " in the queue\n");
  const auto add = [&](std::string_view word, const std::string& line) {
    absl::StrAppend(&text, "  ", word, "  ", line, "\n");
  };
  for (const MisplacedSegment& segment : log.mended.misplaced) add("mended    ", MisplacedText(segment, true));
  for (const Damage& damage : log.mended.damage) add("mended    ", DamageText(damage));
  for (const MisplacedSegment& segment : report.misplaced) add("misplaced ", MisplacedText(segment, false));
  for (const Damage& damage : report.damage) add("damaged   ", DamageText(damage));
  for (const IncompleteMessage& message : check.incomplete) add("incomplete", IncompleteText(message));
  if (!check.end_error.ok()) {
    add("unreadable", absl::StrCat("the end of the log: no gateway starts on it: ", check.end_error.message()));
  }
  if (report.damage_count > report.damage.size()) {
    add("damaged   ", Count(report.damage_count - report.damage.size(), "more piece", "more pieces"));
  }
  if (report.torn_size > 0) {
    add("unfinished", absl::StrCat("segment ", report.torn_at.segment, " at ", report.torn_at.offset, ": ",
                                   Count(report.torn_size, "byte", "bytes"), ", ",
                                   Count(check.torn_record_count, "whole record", "whole records"),
                                   " among them, behind a write that was torn; no fault: nobody was promised them"));
  }
}

const char* KindText(DamageKind kind) {
  switch (kind) {
    case DamageKind::kBroken: return "broken";
    case DamageKind::kUnreadable: return "unreadable";
    case DamageKind::kCutOff: return "cut-off";
    case DamageKind::kPassedOver: return "passed-over";
    case DamageKind::kGap: return "gap";
  }
  return "";
}

Json IdOrNull(MessageId message) { return message.number == 0 ? Json() : Json(std::string(ToText(message).view())); }

Json ToJson(const Damage& damage) {
  Json json;
  json["kind"] = KindText(damage.kind);
  json["segment"] = damage.position.segment;
  json["offset"] = damage.position.offset;
  json["size"] = damage.size;
  json["message"] = IdOrNull(damage.message);
  json["why"] = ToText(damage.kind);
  json["missing"] = damage.gap_count;
  json["error"] = damage.error.empty() ? Json() : Json(damage.error);
  json["copy"] = damage.copied_to.empty() ? Json() : Json(damage.copied_to);
  return json;
}

Json ToJson(const MisplacedSegment& segment) {
  return {{"segment", segment.named}, {"holds", segment.holds}, {"copy", segment.is_copy}};
}

Json ToJson(const IncompleteMessage& message) {
  return {{"message", std::string(ToText(message.message).view())},
          {"segment", message.position.segment},
          {"offset", message.position.offset},
          {"pieces", message.piece_count},
          {"lost", message.lost_count}};
}

template <typename T>
Json ToJson(const std::vector<T>& items) {
  Json json = Json::array();
  for (const T& item : items) json.push_back(ToJson(item));
  return json;
}

Json ToJson(const StoreCheck::Log& log) {
  const RecoveryReport& report = log.check.report;
  Json json;
  json["log"] = log.path;
  json["segments"] = report.segment_count;
  json["spares"] = log.check.spare_count;
  json["records"] = log.check.record_count;
  json["messages"] = log.check.queued.size();
  json["damage_count"] = report.damage_count;
  json["damage"] = ToJson(report.damage);
  json["misplaced"] = ToJson(report.misplaced);
  json["incomplete"] = ToJson(log.check.incomplete);
  json["end_error"] = log.check.end_error.ok() ? Json() : Json(std::string(log.check.end_error.message()));
  json["unfinished"] = nullptr;
  if (report.torn_size > 0) {
    json["unfinished"] = {{"segment", report.torn_at.segment},
                          {"offset", report.torn_at.offset},
                          {"size", report.torn_size},
                          {"records", log.check.torn_record_count}};
  }
  json["mended"] = {{"damage_count", log.mended.damage_count},
                    {"damage", ToJson(log.mended.damage)},
                    {"misplaced", ToJson(log.mended.misplaced)}};
  return json;
}

}  // namespace

std::string FsckText(const StoreCheck& store) {
  std::string text;
  for (const StoreCheck::Log& log : store.logs) AppendLog(text, log);
  for (const MessageId message : store.twice) {
    absl::StrAppend(&text, "message ", ToText(message).view(),
                    " is in two logs, and will be sent twice: a segment was copied from one to the other\n");
  }
  const size_t fault_count = store.fault_count();
  if (fault_count == 0) {
    absl::StrAppend(&text, store.mended_count() == 0 ? "all is well\n" : "all is well now\n");
  } else {
    absl::StrAppend(&text, Count(fault_count, "thing is wrong\n", "things are wrong\n"));
  }
  return text;
}

std::string FsckJson(const StoreCheck& store) {
  Json json;
  json["logs"] = Json::array();
  for (const StoreCheck::Log& log : store.logs) json["logs"].push_back(ToJson(log));
  json["twice"] = Json::array();
  for (const MessageId message : store.twice) json["twice"].push_back(IdOrNull(message));
  json["mended"] = store.mended_count();
  json["faults"] = store.fault_count();
  return ToLine(json) + "\n";
}

}  // namespace postern
