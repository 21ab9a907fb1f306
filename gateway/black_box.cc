#include "gateway/black_box.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

namespace postern {
namespace {

constexpr uint64_t kMagic = 0x3158'4F42'4B43'4C42;  // "BLCKBOX1" in the file: another number for another layout

template <size_t size>
void Fill(std::string_view text, std::array<char, size>& place) {
  place = {};
  std::copy_n(text.begin(), std::min(text.size(), size - 1), place.begin());
}

template <size_t size>
std::string_view TextOf(const std::array<char, size>& place) {
  return {place.data(), static_cast<size_t>(std::find(place.begin(), place.end(), '\0') - place.begin())};
}

}  // namespace

struct BlackBox::Table {
  uint64_t magic = kMagic;
  uint64_t life = 0;
  int64_t started_us = 0;
  uint32_t running = 0;       // 1 until an end in order
  uint32_t crash_size = 0;    // bytes of crash_text
  uint32_t crashed_slot = 0;  // one more than its index; 0 when it is not known
  std::array<char, 32> version = {};
  std::array<char, kCrashTextSizeMax> crash_text = {};
  std::array<WorkSlot, kSlotCount> slots = {};
  std::array<Suspect, kSuspectCount> suspects = {};

  // What is in the file; an empty one when it is none of ours.
  static std::unique_ptr<Table> Copy(const SharedBytes& bytes) {
    auto table = std::make_unique<Table>();
    std::memcpy(static_cast<void*>(table.get()), bytes.bytes().data(), sizeof(Table));
    if (table->magic != kMagic) *table = Table{};
    return table;
  }
};

absl::StatusOr<std::unique_ptr<BlackBox>> BlackBox::Open(Directory& directory, std::string_view version, WallTime now) {
  absl::StatusOr<std::unique_ptr<SharedBytes>> bytes = directory.OpenShared(std::string(kFileName), sizeof(Table));
  if (!bytes.ok()) return bytes.status();
  const std::unique_ptr<Table> old = Table::Copy(**bytes);
  Table& table = *new ((*bytes)->bytes().data()) Table(*old);
  auto box = std::unique_ptr<BlackBox>(new BlackBox(*std::move(bytes), table));
  // Whoever is killed on the way begins again, and counts nothing twice: a life is counted once.
  if (table.running != 0) box->ReadDeath();
  if (TextOf(table.version) != version) box->book_.ForgetAll(SuspectKind::kRecord);
  table.running = 0;
  table.slots = {};
  table.crash_size = table.crashed_slot = 0;
  Fill(version, table.version);
  table.started_us = now.us;
  ++table.life;
  table.running = 1;
  return box;
}

std::vector<Suspect> BlackBox::ReadGuilty(Directory& directory, std::string_view version) {
  const absl::StatusOr<std::unique_ptr<SharedBytes>> bytes =
      directory.OpenShared(std::string(kFileName), sizeof(Table));
  if (!bytes.ok()) return {};
  const std::unique_ptr<Table> table = Table::Copy(**bytes);
  return TextOf(table->version) == version ? CrashBook(table->suspects).Guilty() : std::vector<Suspect>();
}

size_t BlackBox::FileSize() { return sizeof(Table); }

BlackBox::BlackBox(std::unique_ptr<SharedBytes> bytes, Table& table)
    : bytes_(std::move(bytes)), table_(table), book_(table.suspects) {}

BlackBox::~BlackBox() { table_.running = 0; }

uint64_t BlackBox::life() const { return table_.life; }

// A crash is the work of the thread that crashed. When that had none, or nobody saw who it was, all are suspected.
void BlackBox::ReadDeath() {
  Death& death = last_death_.emplace();
  death.started = {table_.started_us};
  death.version = TextOf(table_.version);
  death.crash.assign(table_.crash_text.data(), std::min<size_t>(table_.crash_size, kCrashTextSizeMax));
  const auto is_at_work = [this](const WorkSlot& slot) {
    return slot.life == table_.life && slot.stage != WorkStage::kNone && slot.stage <= kLastWorkStage;
  };
  const size_t crashed = table_.crashed_slot - 1;  // beyond all of them when it is not known
  const bool known = crashed < kSlotCount && is_at_work(table_.slots[crashed]);
  for (size_t i = 0; i < kSlotCount; ++i) {
    const WorkSlot& slot = table_.slots[i];
    if (!is_at_work(slot)) continue;
    Death::Work work = {.slot = slot, .crashed = known && i == crashed};
    if (work.crashed || !known) {
      if (const Suspect* suspect = book_.Count(slot, work.crashed, table_.life)) work.suspect = *suspect;
    }
    death.work.push_back(work);
  }
}

WorkSlot* BlackBox::TakeSlot(std::string_view thread) {
  if (taken_count_ == kSlotCount) return nullptr;
  WorkSlot& slot = table_.slots[taken_count_++];
  Fill(thread, slot.thread);
  slot.life = table_.life;
  return &slot;
}

void BlackBox::NoteCrash(const WorkSlot* slot, std::string_view text) {
  if (slot != nullptr) table_.crashed_slot = static_cast<uint32_t>(slot - table_.slots.data()) + 1;
  const size_t count = std::min<size_t>(text.size(), kCrashTextSizeMax - table_.crash_size);
  std::memcpy(table_.crash_text.data() + table_.crash_size, text.data(), count);
  table_.crash_size += static_cast<uint32_t>(count);
}

}  // namespace postern
