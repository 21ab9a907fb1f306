#include "gateway/crash_book.h"

#include <algorithm>
#include <string_view>

#include "absl/crc/crc32c.h"

namespace postern {
namespace {

static_assert(sizeof(Suspect) == 88 && std::is_trivially_copyable_v<Suspect>, "it is checked and stored byte by byte");

uint32_t ChecksumOf(Suspect suspect) {
  suspect.checksum = 0;
  return static_cast<uint32_t>(
      absl::ComputeCrc32c(std::string_view(reinterpret_cast<const char*>(&suspect), sizeof suspect)));
}

// Whose work it was.
Suspect Accuse(const WorkSlot& work) {
  Suspect who = {.stage = work.stage};
  switch (work.stage) {
    case WorkStage::kNone: break;
    case WorkStage::kReceiving:
      who.kind = SuspectKind::kPeer;
      who.peer = work.peer;
      break;
    case WorkStage::kReading:
      if (work.position == 0) break;
      who.kind = SuspectKind::kRecord;
      who.log = work.log;
      who.key = work.position;
      break;
    case WorkStage::kTalking: who.peer = work.peer; [[fallthrough]];
    case WorkStage::kStoring:
    case WorkStage::kRelaying:
    case WorkStage::kMailbox:
    case WorkStage::kReporting:
    case WorkStage::kBundling:
      if (work.message != 0) who.kind = SuspectKind::kMessage;
      who.key = work.message;
      break;
  }
  return who;
}

bool Same(const Suspect& a, const Suspect& b) {
  return a.kind == b.kind && a.log == b.log && a.key == b.key &&
         (a.kind != SuspectKind::kPeer || a.peer.text == b.peer.text);
}

}  // namespace

CrashBook::CrashBook(std::span<Suspect> places) : places_(places) {
  for (Suspect& place : places_) {
    if (place.checksum != ChecksumOf(place)) place = {};
  }
}

const Suspect* CrashBook::Count(const WorkSlot& work, bool crashed, uint64_t life) {
  const Suspect who = Accuse(work);
  if (who.kind == SuspectKind::kNobody) return nullptr;
  Suspect* const known = Find(who);
  if (known != nullptr && known->last_life == life) return known;
  Suspect next = who;
  next.crash_count = (known == nullptr ? 0 : known->crash_count) + (crashed ? 1 : 0);
  next.death_count = (known == nullptr ? 0 : known->death_count) + (crashed ? 0 : 1);
  next.last_life = life;
  next.checksum = ChecksumOf(next);
  Suspect& place = known == nullptr ? MakeRoom() : *known;
  place = next;
  return &place;
}

std::vector<Suspect> CrashBook::Guilty() const {
  std::vector<Suspect> guilty;
  std::copy_if(places_.begin(), places_.end(), std::back_inserter(guilty),
               [](const Suspect& place) { return place.kind != SuspectKind::kNobody && place.guilty(); });
  return guilty;
}

void CrashBook::Forget(const Suspect& suspect) {
  if (Suspect* const place = Find(suspect)) *place = {};
}

void CrashBook::ForgetAll(SuspectKind kind) {
  for (Suspect& place : places_) {
    if (place.kind == kind) place = {};
  }
}

Suspect* CrashBook::Find(const Suspect& who) {
  const auto place = std::find_if(places_.begin(), places_.end(), [&](const Suspect& one) { return Same(one, who); });
  return place == places_.end() ? nullptr : &*place;
}

// Free places are of life 0. A record that is passed over stays so: its count is forgotten last.
Suspect& CrashBook::MakeRoom() {
  return *std::min_element(places_.begin(), places_.end(), [](const Suspect& a, const Suspect& b) {
    return std::pair(a.guilty(), a.last_life) < std::pair(b.guilty(), b.last_life);
  });
}

}  // namespace postern
