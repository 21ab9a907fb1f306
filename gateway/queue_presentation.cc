#include "gateway/queue_presentation.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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

// "    deferred   a@far.example (2 tries, next in 14m): 451 4.2.1 later"
std::string RecipientLine(const QueueRecipientView& recipient, size_t text_size_max, WallTime now) {
  const QueuedRecipient& status = recipient.status;
  std::string line = absl::StrFormat("    %-9s  %s", ToText(status.state), VisibleText(recipient.address));
  std::string tries;
  if (status.attempt_count > 0) {
    tries = absl::StrCat(status.attempt_count, status.attempt_count == 1 ? " try" : " tries");
  }
  if (status.state == RecipientState::kDeferred) {
    absl::StrAppend(&tries, tries.empty() ? "" : ", ", "next in ", Rough(status.next_attempt.us - now.us));
  }
  if (!tries.empty()) absl::StrAppend(&line, " (", tries, ")");
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

// Hands every entry of the queue to `visit`; `count` is how many that were.
absl::Status ForEach(QueueAccess& queue, absl::FunctionRef<void(const QueueEntryView&)> visit, size_t& count) {
  count = 0;
  for (std::optional<uint64_t> cursor = 0; cursor.has_value();) {
    const absl::StatusOr<QueuePage> page = queue.List(*cursor);
    if (!page.ok()) return page.status();
    for (const QueueEntryView& entry : page->entries) visit(entry);
    count += page->entries.size();
    cursor = page->next_cursor;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PrintQueue(QueueAccess& queue, bool json, WallTime now, Print print) {
  size_t count = 0;
  if (json) {
    std::string_view before = "{\"messages\":[\n";
    const absl::Status status = ForEach(
        queue,
        [&](const QueueEntryView& entry) {
          print(absl::StrCat(before, ToLine(ToJson(entry))));
          before = ",\n";
        },
        count);
    if (!status.ok()) return status;  // what is cut off looks cut off
    print(count == 0 ? "{\"messages\":[]}\n" : "\n]}\n");
    return absl::OkStatus();
  }
  bool headed = false;
  const absl::Status status = ForEach(
      queue,
      [&](const QueueEntryView& entry) {
        if (!headed) print("ID              AGE       SIZE  SENDER\n");
        headed = true;
        print(TableRow(entry, now));
      },
      count);
  if (!status.ok()) return status;
  print(count == 0 ? "The queue is empty.\n" : absl::StrCat(count, count == 1 ? " message\n" : " messages\n"));
  return absl::OkStatus();
}

std::string EntryText(const QueueEntryView& entry, WallTime now) {
  std::string text = absl::StrCat("id        ", Id(entry.id), "\n");
  absl::StrAppend(&text, "received  ", FormatTime(entry.id.born()), ", ", Rough(now.us - entry.id.born().us), " ago");
  if (!entry.peer.empty()) absl::StrAppend(&text, ", from ", VisibleText(entry.peer));
  absl::StrAppend(&text, "\nsize      ", entry.body_size, " bytes\nsender    ", Sender(entry), "\n");
  if (!entry.error.empty()) absl::StrAppend(&text, "error     it cannot be read: ", VisibleText(entry.error), "\n");
  for (const QueueRecipientView& recipient : entry.recipients) {
    text += RecipientLine(recipient, std::string_view::npos, now);
  }
  return text;
}

std::string EntryJson(const QueueEntryView& entry) { return ToLine(ToJson(entry)) + "\n"; }

}  // namespace postern
