#include "tests/sim/report_book.h"

#include <algorithm>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/sim/post_book.h"
#include "tests/sim/sim_setup.h"

namespace postern {
namespace {

constexpr std::string_view kReturnPath = "Return-Path: <>\r\n";

std::string Text(MessageId id) { return std::string(ToText(id).view()); }

std::string OrNone(const std::string& text) { return text.empty() ? "(none)" : text; }

}  // namespace

bool ReportBook::LooksLikeReport(std::string_view text) {
  absl::ConsumePrefix(&text, kReturnPath);
  return absl::StartsWith(text, "From: Mail Delivery System <");
}

bool ReportBook::IsReader(std::string_view address) {
  return address.substr(address.find('@') + 1) == kSimSenderDomain || address == kSimPostmaster ||
         address == kSimAdministrator;
}

std::optional<MessageId> ReportBook::HandleText(std::string_view where, std::string_view reader,
                                                std::string_view text) {
  absl::ConsumePrefix(&text, kReturnPath);
  const std::optional<SimReport> report = ReadSimReport(text);
  if (!report.has_value()) {
    book_.Complain(absl::StrCat(where, ": ", text.size(), " bytes that are neither mail of a client nor a report"));
    return std::nullopt;
  }
  Known& known = reports_[report->id];
  const size_t hash = std::hash<std::string_view>()(text);
  if (known.seen && (known.size != text.size() || known.hash != hash)) {
    book_.Complain(absl::StrCat(where, ": the report ", Text(report->id), " differs from what it was elsewhere"));
  }
  if (!reader.empty() && reader != report->to && reader != kSimAdministrator) {
    book_.Complain(absl::StrCat(where, ": the report ", Text(report->id), " is for ", report->to, ", not ", reader));
  }
  if (!std::exchange(known.seen, true)) {
    known.about = report->about;
    known.to = report->to;
    known.size = text.size();
    known.hash = hash;
    Judge(where, *report);
  }
  return report->id;
}

bool ReportBook::HasSeen(MessageId id) const {
  const auto place = reports_.find(id);
  return place != reports_.end() && place->second.seen;
}

size_t ReportBook::seen_count() const {
  return static_cast<size_t>(
      std::count_if(reports_.begin(), reports_.end(), [](const auto& entry) { return entry.second.seen; }));
}

void ReportBook::NoteMade(MessageId id, MessageId about, std::string_view kind, std::string_view reader) {
  Known& known = reports_[id];
  if (!known.kind.empty()) book_.Complain(absl::StrCat("the report ", Text(id), " is made twice"));
  known.about = about;
  known.kind = kind;
  known.to = reader;
}

void ReportBook::NoteConfirmed(MessageId id, std::string_view reader, uint32_t life) {
  confirmed_lives_[{id, std::string(reader)}] = life;
}

void ReportBook::CheckOffer(MessageId id, std::string_view reader, uint32_t life) {
  const auto place = confirmed_lives_.find({id, std::string(reader)});
  if (place == confirmed_lives_.end() || place->second != life) return;
  book_.Complain(absl::StrCat("the report ", Text(id), " to ", reader,
                              " is tried again by a gateway that has had the 250 for it"));
}

bool ReportBook::MayBeUnseen(const SentMessage& message, std::string_view kind) const {
  return std::any_of(reports_.begin(), reports_.end(), [&](const auto& entry) {
    return entry.second.about == message.id && entry.second.kind == kind && !entry.second.seen;
  });
}

void ReportBook::CheckRest(const std::set<MessageId>& queued) {
  for (const auto& [id, known] : reports_) {
    if (known.arrived || led_on_.contains(id) || queued.contains(id)) continue;
    // A copy for the administrator that fails is done with.
    if (known.to == kSimAdministrator || book_.WasWishedOfMany(QueueAction::kDelete)) continue;
    const SentMessage* message = book_.FindBySender(known.to);
    if (message != nullptr && message->report_lied_about) continue;
    book_.Complain(absl::StrCat("the report ", Text(id), " on ", Text(known.about), " to ", known.to,
                                " is neither here nor there: it is lost"));
  }
}

void ReportBook::Judge(std::string_view where, const SimReport& report) {
  const std::string what = absl::StrCat(where, ": the report ", Text(report.id), " on ", Text(report.about));
  if (report.to == kSimPostmaster) return JudgeLast(what, report);
  const bool copy = report.to == kSimAdministrator;
  SentMessage* const message = copy ? book_.Find(report.about) : book_.FindBySender(report.to);
  if (message == nullptr) {
    // The administrator hears of mail whose client has never read the 250 as well.
    if (!copy) book_.Complain(absl::StrCat(what, " is for ", report.to, ", who has sent nothing"));
    return;
  }
  if (message->sender.empty() && !copy) book_.Complain(absl::StrCat(what, " answers mail from nobody"));
  if (!message->finished) book_.Complain(absl::StrCat(what, ": ", message->token, " was never sent to its end"));
  if (message->acknowledged && message->id != report.about) {
    book_.Complain(absl::StrCat(what, ": ", message->token, " is ", Text(message->id)));
  }
  if (report.envid != OrNone(message->envid)) {
    book_.Complain(absl::StrCat(what, " has the ENVID ", report.envid, " instead of ", message->envid));
  }
  if (report.returns_message && message->ret == "HDRS") {
    book_.Complain(absl::StrCat(what, " returns the message, although the header was asked for"));
  }
  if (report.returns_message && !absl::EndsWith(report.returned, message->body)) {
    book_.Complain(absl::StrCat(what, " returns another message than ", message->token));
  }
  for (const SimReportRecipient& told : report.recipients) JudgeRecipient(what, report, *message, told);
}

void ReportBook::JudgeRecipient(std::string_view what, const SimReport& report, SentMessage& message,
                                const SimReportRecipient& told) {
  SentRecipient* const recipient = message.Find(told.address);
  if (recipient == nullptr) return book_.Complain(absl::StrCat(what, " names ", told.address, ", who is no recipient"));
  if (told.original != OrNone(recipient->orcpt)) {
    book_.Complain(absl::StrCat(what, " calls ", told.address, " ", told.original, " instead of ", recipient->orcpt));
  }
  std::set<MessageId>* reports = nullptr;
  std::string_view wanted = "SUCCESS";
  if (told.action == "failed") {
    reports = &recipient->failures;
    wanted = "FAILURE";
  } else if (told.action == "delayed") {
    reports = &recipient->delays;
    wanted = "DELAY";
  } else if (told.action == "delivered" || told.action == "relayed") {
    reports = &recipient->receipts;
  } else {
    return book_.Complain(absl::StrCat(what, " says of ", told.address, " that he is ", told.action));
  }
  if (!recipient->Wants(wanted) && report.to != kSimAdministrator) {
    book_.Complain(absl::StrCat(what, " tells of ", told.address, " (", told.action, "): NOTIFY=", recipient->notify));
  }
  reports->insert(report.id);
  if (reports->size() > 1) {
    book_.Complain(absl::StrCat(what, ": ", told.address, " is ", told.action, ", and it is told a second time"));
  }
}

// To postmaster, on a report that could not be delivered.
void ReportBook::JudgeLast(std::string_view what, const SimReport& report) {
  led_on_.insert(report.about);
  for (const SimReportRecipient& told : report.recipients) {
    if (told.action != "failed" || !IsReader(told.address)) {
      book_.Complain(absl::StrCat(what, " tells postmaster of ", told.address, ": ", told.action));
    }
    if (!told_.emplace(report.about, told.address).second) {
      book_.Complain(absl::StrCat(what, " tells postmaster a second time"));
    }
  }
}

}  // namespace postern
