#include "gateway/queue_presentation.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/envelope.h"
#include "gateway/queue_json.h"
#include "gateway/visible_text.h"

namespace postern {
namespace {

constexpr size_t kListedRecipientsMax = 10;  // of one message, in the table
constexpr size_t kTextSizeMax = 200;         // of a reply, in the table

// "47s", "12m", "3h", "5d": the largest unit of which there is one.
std::string Rough(int64_t us) {
  constexpr std::array<std::pair<int64_t, char>, 4> kUnits = {{{86'400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
  const int64_t seconds = std::max<int64_t>(0, us / 1'000'000);
  for (const auto& [factor, name] : kUnits) {
    if (seconds >= factor) return absl::StrFormat("%d%c", seconds / factor, name);
  }
  return "0s";
}

std::string RoughSize(uint64_t size) {
  if (size < 1024) return absl::StrCat(size, "B");
  if (size < 1024 * 1024) return absl::StrFormat("%.1fKiB", static_cast<double>(size) / 1024);
  return absl::StrFormat("%.1fMiB", static_cast<double>(size) / (1024 * 1024));
}

std::string Id(MessageId id) { return std::string(ToText(id).view()); }

std::string Sender(const QueueEntryView& entry) {
  return entry.sender.empty() ? "<>" : VisibleText(entry.sender, kTextSizeMax);
}

// "2 tries, next in 14m", "1 try, due: failure report to the sender"; empty when there is nothing to tell.
std::string StatusText(const QueueRecipientView& recipient, WallTime now) {
  const QueuedRecipient& status = recipient.status;
  std::vector<std::string> parts;
  if (status.attempt_count > 0) {
    parts.push_back(absl::StrCat(status.attempt_count, status.attempt_count == 1 ? " try" : " tries"));
  }
  if (status.state == RecipientState::kDeferred || status.state == RecipientState::kDelayed) {
    parts.push_back(absl::StrCat("next in ", Rough(status.next_attempt.us - now.us)));
  }
  if (!recipient.due.empty()) parts.push_back(absl::StrCat("due: ", recipient.due));
  return absl::StrJoin(parts, ", ");
}

// "    deferred   a@far.example (2 tries, next in 14m): 451 4.2.1 later"
std::string RecipientLine(const QueueRecipientView& recipient, size_t text_size_max, WallTime now) {
  std::string line = absl::StrFormat("    %-9s  %s", ToText(recipient.status.state), VisibleText(recipient.address));
  if (const std::string status = StatusText(recipient, now); !status.empty()) absl::StrAppend(&line, " (", status, ")");
  if (!recipient.text.empty()) absl::StrAppend(&line, ": ", VisibleText(recipient.text, text_size_max));
  return line + "\n";
}

std::string TableRow(const QueueEntryView& entry, WallTime now) {
  std::string row = absl::StrFormat("%-13s  %4s  %9s  %s\n", Id(entry.id), Rough(now.us - entry.id.born().us),
                                    RoughSize(entry.body_size), Sender(entry));
  if (!entry.error.empty()) absl::StrAppend(&row, "    it cannot be read: ", VisibleText(entry.error), "\n");
  const size_t count = std::min(entry.recipients.size(), kListedRecipientsMax);
  for (size_t i = 0; i < count; ++i) row += RecipientLine(entry.recipients[i], kTextSizeMax, now);
  if (count < entry.recipients.size()) {
    absl::StrAppend(&row, "    and ", entry.recipients.size() - count, " more: postern queue show ", Id(entry.id),
                    "\n");
  }
  return row;
}

// "far.example                  0       1        7     0       0      3h  down, tried in 14m  451 4.2.1 later"
std::string DestinationRow(const DestinationView& destination, WallTime now) {
  const auto& live = destination.live;
  std::string state = live.has_value() ? "up" : "-";
  if (live.has_value() && live->down) state = absl::StrCat("down, tried in ", Rough(live->probe_at.us - now.us));
  std::string row =
      absl::StrFormat("%-24s  %8u  %6s  %8u  %6u  %6u  %6s  %-18s  %s", VisibleText(destination.name),
                      destination.waiting_count, live.has_value() ? absl::StrCat(live->active_count) : "-",
                      destination.deferred_count, destination.held_count, destination.report_due_count,
                      Rough(now.us - destination.oldest.us), state, VisibleText(destination.last_error, kTextSizeMax));
  row.erase(row.find_last_not_of(' ') + 1);
  return row + "\n";
}

std::string CountText(size_t count) { return absl::StrCat(count, count == 1 ? " message" : " messages"); }

// A JSON object with one list, written while its items come.
class JsonList {
 public:
  JsonList(std::string_view name, Print print) : name_(name), print_(print) {}
  void Add(const Json& item) { print_(absl::StrCat(count_++ == 0 ? Opening() : ",\n", ToLine(item))); }
  void End(std::string_view rest) {
    if (count_ == 0) print_(absl::StrCat("{\"", name_, "\":["));
    print_(absl::StrCat(count_ == 0 ? "]" : "\n]", rest, "}\n"));
  }

 private:
  std::string Opening() const { return absl::StrCat("{\"", name_, "\":[\n"); }

  const std::string_view name_;
  const Print print_;
  size_t count_ = 0;
};

// Hands every message of a destination, or of the queue, to `visit`; the answer is how many that were.
absl::StatusOr<size_t> ForEachMessage(QueueAccess& queue, const std::optional<std::string>& destination,
                                      absl::FunctionRef<void(const QueueEntryView&)> visit) {
  size_t count = 0;
  for (std::optional<uint64_t> cursor = 0; cursor.has_value();) {
    const absl::StatusOr<QueuePage> page = queue.List(destination, *cursor);
    if (!page.ok()) return page.status();
    for (const QueueEntryView& entry : page->entries) visit(entry);
    count += page->entries.size();
    cursor = page->next_cursor;
  }
  return count;
}

// What a wish does, once it is done.
std::string_view DoneText(QueueAction action) {
  switch (action) {
    case QueueAction::kRetry: return "to be tried at once, or when a gateway runs";
    case QueueAction::kHold: return "held until released";
    case QueueAction::kRelease: return "released, to be tried at once, or when a gateway runs";
    case QueueAction::kDelete: return "deleted";
    case QueueAction::kBounce: return "given up; its report is made within a minute, or when a gateway runs";
  }
  return "";
}

std::string_view UnchangedText(QueueAction action) {
  switch (action) {
    case QueueAction::kRetry: return "nothing waits; what is held has to be released";
    case QueueAction::kHold: return "nothing waits that could be held";
    case QueueAction::kRelease: return "nothing is held";
    case QueueAction::kDelete: return "nothing is left to be deleted";
    case QueueAction::kBounce: return "nothing waits that could be given up";
  }
  return "";
}

}  // namespace

absl::Status PrintDestinations(QueueAccess& queue, bool json, WallTime now, Print print) {
  if (json) {
    JsonList list("destinations", print);
    const absl::StatusOr<size_t> count =
        queue.Destinations([&list](const DestinationView& destination) { list.Add(ToJson(destination)); });
    if (!count.ok()) return count.status();  // what is cut off looks cut off
    list.End(absl::StrCat(",\"count\":", *count));
    return absl::OkStatus();
  }
  size_t destination_count = 0;
  const absl::StatusOr<size_t> count = queue.Destinations([&](const DestinationView& destination) {
    if (destination_count++ == 0) {
      print(
          "DESTINATION                WAITING  ACTIVE  DEFERRED    HELD  REPORT  OLDEST  STATE               "
          "LAST ERROR\n");
    }
    print(DestinationRow(destination, now));
  });
  if (!count.ok()) return count.status();
  if (destination_count == 0) {
    print("The queue is empty.\n");
  } else {
    print(absl::StrCat(CountText(*count), ", ", destination_count,
                       destination_count == 1 ? " destination\n" : " destinations\n"));
  }
  return absl::OkStatus();
}

absl::Status PrintMessages(QueueAccess& queue, const std::optional<std::string>& destination, bool json, WallTime now,
                           Print print) {
  if (json) {
    JsonList list("messages", print);
    const absl::StatusOr<size_t> count =
        ForEachMessage(queue, destination, [&list](const QueueEntryView& entry) { list.Add(ToJson(entry)); });
    if (!count.ok()) return count.status();
    list.End("");
    return absl::OkStatus();
  }
  bool headed = false;
  const absl::StatusOr<size_t> count = ForEachMessage(queue, destination, [&](const QueueEntryView& entry) {
    if (!headed) print("ID              AGE       SIZE  SENDER\n");
    headed = true;
    print(TableRow(entry, now));
  });
  if (!count.ok()) return count.status();
  if (*count > 0) {
    print(CountText(*count) + "\n");
  } else {
    print(destination.has_value() ? "Nothing waits there.\n" : "The queue is empty.\n");
  }
  return absl::OkStatus();
}

std::string EntryText(const QueueEntryView& entry, WallTime now) {
  std::string text = absl::StrCat("id        ", Id(entry.id), "\n");
  absl::StrAppend(&text, "received  ", FormatTime(entry.id.born()), ", ", Rough(now.us - entry.id.born().us), " ago");
  if (!entry.peer.empty()) absl::StrAppend(&text, ", from ", VisibleText(entry.peer));
  absl::StrAppend(&text, "\nsize      ", entry.body_size, " bytes\nsender    ", Sender(entry), "\n");
  absl::StrAppend(&text, "priority  ", PriorityText(entry.flags), "\n");
  if ((entry.flags & kEnvelopeReport) != 0) text += "kind      a report of this gateway\n";
  if (!entry.error.empty()) absl::StrAppend(&text, "error     it cannot be read: ", VisibleText(entry.error), "\n");
  std::string_view destination;
  for (const QueueRecipientView& recipient : entry.recipients) {
    if (recipient.destination != destination)
      absl::StrAppend(&text, "for       ", VisibleText(recipient.destination), "\n");
    destination = recipient.destination;
    text += RecipientLine(recipient, std::string_view::npos, now);
  }
  return text;
}

std::string EntryJson(const QueueEntryView& entry) { return ToLine(ToJson(entry)) + "\n"; }

std::string ResultText(QueueAction action, ActResult result, const std::optional<std::string>& target) {
  std::string_view text;
  switch (result) {
    case ActResult::kDone: text = DoneText(action); break;
    case ActResult::kBegun: text = "the gateway has begun; `postern queue list` shows how far it is"; break;
    case ActResult::kUnchanged: text = UnchangedText(action); break;
  }
  return absl::StrCat(target.has_value() ? VisibleText(*target) : "all messages", ": ", text, "\n");
}

std::string ResultJson(ActResult result, const std::optional<std::string>& target) {
  Json json;
  json["target"] = nullptr;  // all messages
  if (target.has_value()) json["target"] = *target;
  switch (result) {
    case ActResult::kDone: json["done"] = true; break;
    case ActResult::kBegun: json["begun"] = true; break;
    case ActResult::kUnchanged: json["unchanged"] = true; break;
  }
  return ToLine(json) + "\n";
}

}  // namespace postern
