#include "gateway/crash_bundle.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/civil_time.h"
#include "core/envelope.h"
#include "core/message.h"
#include "gateway/visible_text.h"
#include "store/segment_format.h"

namespace postern {
namespace {

std::string TimeText(WallTime moment) {
  const CivilTime time = ToCivil(moment);
  return absl::StrFormat("%04d-%02u-%02uT%02u:%02u:%02uZ", time.year, time.month, time.day, time.hour, time.minute,
                         time.second);
}

std::string Plural(uint32_t count, std::string_view one, std::string_view many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

absl::Status WriteFile(Directory& folder, const std::string& name, std::string_view bytes) {
  absl::StatusOr<std::unique_ptr<File>> file = folder.Create(name, 0);
  if (!file.ok()) return file.status();
  if (const absl::Status status = (*file)->WriteAt({&bytes, 1}, 0); !status.ok()) return status;
  return (*file)->Sync();
}

std::string EnvelopeText(const StoredMessage& message) {
  const std::optional<Envelope> envelope = ParseEnvelope(message.envelope);
  if (!envelope.has_value()) return "the envelope is damaged\n";
  std::string text;
  const auto line = [&text](std::string_view key, std::string_view value) {
    absl::StrAppend(&text, key, " ", VisibleText(value), "\n");
  };
  line("peer", envelope->peer);
  line("helo", envelope->helo);
  line("sender", envelope->sender);
  for (const Recipient& recipient : envelope->recipients) line("recipient", recipient.address);
  return text;
}

}  // namespace

std::string_view ToText(WorkStage stage) {
  switch (stage) {
    case WorkStage::kNone: break;
    case WorkStage::kReceiving: return "receiving";
    case WorkStage::kStoring: return "storing";
    case WorkStage::kReading: return "reading the log";
    case WorkStage::kRelaying: return "relaying";
    case WorkStage::kTalking: return "talking to a next hop";
    case WorkStage::kMailbox: return "writing into a mailbox";
    case WorkStage::kReporting: return "reporting";
    case WorkStage::kBundling: return "copying for a bug report";
  }
  return "nothing";
}

std::string BundleName(const Suspect& who) {
  if (who.kind == SuspectKind::kMessage) return std::string(ToText(MessageId{who.key}).view());
  const Position position = Position::Unpack(who.key);
  return absl::StrCat("log-", who.log, "-", SegmentName(position.segment), "-", position.offset);
}

std::string CountText(const Suspect& who) {
  std::string text;
  if (who.crash_count > 0) text = Plural(who.crash_count, "crash", "crashes");
  if (who.crash_count > 0 && who.death_count > 0) text += " and ";
  if (who.death_count > 0) absl::StrAppend(&text, Plural(who.death_count, "death", "deaths"), " that nobody saw");
  return text;
}

std::string CrashReport(const Suspect& who, const std::optional<Death>& death, std::string_view version, WallTime now) {
  std::string text = absl::StrCat("what      ", BundleName(who), "\nin work   at ", CountText(who), "\nstage     ",
                                  ToText(who.stage), "\n");
  if (!who.peer.view().empty()) absl::StrAppend(&text, "peer      ", who.peer.view(), "\n");
  absl::StrAppend(&text, "parked    ", TimeText(now), " by Postern ", version, "\n");
  if (!death.has_value()) return text;
  absl::StrAppend(&text, "died      Postern ", death->version, ", started ", TimeText(death->started), "\n");
  for (const Death::Work& work : death->work) {
    absl::StrAppend(&text, "thread    ", work.slot.thread.data(), work.crashed ? ", which crashed: " : ": ",
                    ToText(work.slot.stage), " ",
                    work.slot.message == 0 ? "" : ToText(MessageId{work.slot.message}).view(), "\n");
  }
  const std::string_view crash =
      death->crash.empty() ? std::string_view("nobody saw it: a kill, the power, or no memory") : death->crash;
  absl::StrAppend(&text, "\n", crash, "\n");
  return text;
}

absl::Status WriteCrashReport(Directory& folder, uint64_t life, std::string_view report) {
  return WriteFile(folder, absl::StrCat("crash-", life, ".txt"), report);
}

absl::Status WriteMessage(Directory& folder, StoredMessage& message) {
  if (const absl::Status status = WriteFile(folder, "envelope.txt", EnvelopeText(message)); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<File>> file = folder.Create("message.eml", 0);
  if (!file.ok()) return file.status();
  for (uint64_t offset = 0;;) {
    const absl::StatusOr<std::string_view> piece = message.body->Next();
    if (!piece.ok()) return piece.status();
    if (piece->empty()) return (*file)->Sync();
    if (const absl::Status status = (*file)->WriteAt({&*piece, 1}, offset); !status.ok()) return status;
    offset += piece->size();
  }
}

}  // namespace postern
