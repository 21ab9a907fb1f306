#include "gateway/poison_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/message.h"
#include "gateway/crash_bundle.h"

namespace postern {
namespace {

// More are told, and not written: whoever has so many has read one.
constexpr size_t kBundleCountMax = 64;

// Nothing of it is tried any more, whoever has done that: we, or an operator.
bool AtRest(LogMailStore& store, MessageId message) {
  const std::optional<MailState> state = store.Find(message);
  return !state.has_value() ||
         std::none_of(state->recipients.begin(), state->recipients.end(), [](const QueuedRecipient& recipient) {
           return !Settled(recipient.state) && !IsHeld(recipient.state);
         });
}

}  // namespace

PoisonWatch::PoisonWatch(std::unique_ptr<Directory> crashes, EventLog& events, std::string_view version,
                         const Clock& clock)
    : crashes_(std::move(crashes)), events_(events), version_(version), clock_(clock) {
  absl::StatusOr<std::unique_ptr<BlackBox>> box = BlackBox::Open(*crashes_, version_, clock_.Wall());
  if (box.ok()) {
    box_ = *std::move(box);
    return;
  }
  events_.Write(Event::kLowDisk,
                {{"dir", crashes_->path()},
                 {"error", box.status().message()},
                 {"text", "what is in work cannot be noted: of a crash nothing will be known at the next start"}});
}

void PoisonWatch::TellDeath() {
  if (box_ == nullptr || !box_->last_death().has_value()) return;
  const Death& death = *box_->last_death();
  const std::string_view crash = death.crash;
  events_.Write(Event::kDied,
                {{"version", death.version},
                 {"started", absl::StrCat(death.started.us / 1'000'000)},
                 {"crash", crash.substr(0, crash.find('\n'))},
                 {"text", crash.empty() ? "the gateway before this one was killed, or the machine lost its power"
                                        : "the gateway before this one crashed"}});
  for (const Death::Work& work : death.work) TellWork(work);
}

void PoisonWatch::TellWork(const Death::Work& work) {
  const WorkSlot& slot = work.slot;
  const bool has_peer = slot.stage == WorkStage::kReceiving || slot.stage == WorkStage::kTalking;
  const bool reads = slot.stage == WorkStage::kReading;
  const Position position = Position::Unpack(slot.position);
  const auto place = [reads](uint32_t number) { return reads ? absl::StrCat(number) : ""; };
  const Suspect suspect = work.suspect.value_or(Suspect{});
  events_.Write(Event::kDied, {{"thread", slot.thread.data()},
                               {"stage", ToText(slot.stage)},
                               {"id", slot.message == 0 ? "unknown" : ToText(MessageId{slot.message}).view()},
                               {"peer", has_peer ? slot.peer.view() : std::string_view()},
                               {"log", place(slot.log)},
                               {"segment", place(position.segment)},
                               {"offset", place(position.offset)},
                               {"crashed", work.crashed ? "yes" : "no"},
                               {"crashes", absl::StrCat(suspect.crash_count)},
                               {"deaths", absl::StrCat(suspect.death_count)}});
}

void PoisonWatch::PassOver(LogMailStore& store) const {
  if (box_ != nullptr) PassOver(box_->book().Guilty(), store);
}

void PoisonWatch::PassOver(const std::vector<Suspect>& guilty, LogMailStore& store) {
  std::vector<std::vector<Position>> positions(store.log_count());
  for (const Suspect& who : guilty) {
    if (who.kind == SuspectKind::kRecord && who.log < positions.size()) {
      positions[who.log].push_back(Position::Unpack(who.key));
    }
  }
  for (size_t log = 0; log < positions.size(); ++log) store.PassOver(log, std::move(positions[log]));
}

void PoisonWatch::Judge(LogMailStore& store, Relay& relay, WorkSlot* slot, uint64_t free_size_min) {
  if (box_ == nullptr) return;
  for (const Suspect& who : box_->book().Guilty()) {
    if (who.kind == SuspectKind::kMessage) Park(who, store, relay, slot, free_size_min);
    if (who.kind == SuspectKind::kRecord) BundleRecord(who, store);
  }
}

void PoisonWatch::Park(const Suspect& who, LogMailStore& store, Relay& relay, WorkSlot* slot, uint64_t free_size_min) {
  const MessageId message{who.key};
  if (AtRest(store, message)) return box_->book().Forget(who);
  std::string where;
  const std::unique_ptr<Directory> folder = StartBundle(who, where);
  const std::string why =
      absl::StrCat("parked: in work (", ToText(who.stage), ") at ", CountText(who), " of the gateway",
                   folder == nullptr ? "" : absl::StrCat("; see ", folder->path()));
  // To copy it is to read it: whoever died of that is not copied again.
  if (folder != nullptr && who.stage != WorkStage::kBundling) {
    const WorkScope work(slot, WorkStage::kBundling, message);
    absl::StatusOr<StoredMessage> stored = store.Open(message);
    const absl::StatusOr<uint64_t> free_size = crashes_->FreeSize();
    absl::Status copied = stored.status();
    if (stored.ok() && free_size.value_or(0) < stored->body_size + free_size_min) {
      copied = absl::ResourceExhaustedError("too little room for a copy of the message");
    } else if (stored.ok()) {
      copied = WriteMessage(*folder, *stored);
    }
    if (copied.ok()) copied = folder->Sync();
    if (!copied.ok() && !absl::IsAlreadyExists(copied)) absl::StrAppend(&where, "; ", copied.message());
  }
  StartParking(parking_.emplace_back(Parking{.who = who, .why = why, .bundle = where}), relay);
}

// The relay carries out so many wishes at once, and none for what it works on.
void PoisonWatch::StartParking(Parking& parking, Relay& relay) {
  if (relay.Park(MessageId{parking.who.key}, parking.why) != QueueOperations::Answer::kStarted) return;
  parking.started = true;
  TellParked(parking.who, parking.bundle, "held until an operator releases it");
}

// Its copy is where that of any damage is, and told with it at every start; here only what is new.
void PoisonWatch::BundleRecord(const Suspect& who, const LogMailStore& store) {
  std::string where;
  if (who.log < store.log_count() && StartBundle(who, where) != nullptr) {
    TellParked(who, where, "the record is passed over, and kept");
  }
}

std::unique_ptr<Directory> PoisonWatch::StartBundle(const Suspect& who, std::string& where) {
  const std::string name = BundleName(who);
  const absl::StatusOr<std::vector<std::string>> names = crashes_->List();
  if (!names.ok()) {
    where = names.status().message();
    return nullptr;
  }
  const bool known = std::find(names->begin(), names->end(), name) != names->end();
  if (!known && names->size() > kBundleCountMax) {
    where = absl::StrCat("no bundle: ", crashes_->path(), " has ", kBundleCountMax, " already");
    return nullptr;
  }
  absl::StatusOr<std::unique_ptr<Directory>> folder = crashes_->OpenSubdirectory(name);
  if (!folder.ok()) {
    where = folder.status().message();
    return nullptr;
  }
  where = (*folder)->path();
  const std::string report = CrashReport(who, box_->last_death(), version_, clock_.Wall());
  const absl::Status written = WriteCrashReport(**folder, who.last_life, report);
  if (written.ok() && (*folder)->Sync().ok()) return *std::move(folder);
  if (!absl::IsAlreadyExists(written)) where = written.message();
  return nullptr;
}

void PoisonWatch::TellParked(const Suspect& who, std::string_view where, std::string_view text) {
  const bool is_message = who.kind == SuspectKind::kMessage;
  events_.Write(Event::kParked, {{"id", is_message ? ToText(MessageId{who.key}).view() : "unknown"},
                                 {"stage", ToText(who.stage)},
                                 {"peer", who.peer.view()},
                                 {"crashes", absl::StrCat(who.crash_count)},
                                 {"deaths", absl::StrCat(who.death_count)},
                                 {"bundle", where},
                                 {"text", text}});
}

void PoisonWatch::Turn(LogMailStore& store, Relay& relay) {
  std::erase_if(parking_, [&](Parking& parking) {
    if (AtRest(store, MessageId{parking.who.key})) {
      box_->book().Forget(parking.who);
      return true;
    }
    if (!parking.started) StartParking(parking, relay);
    return false;
  });
}

}  // namespace postern
