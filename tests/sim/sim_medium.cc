#include "tests/sim/sim_medium.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace postern::medium {
namespace {

void Apply(const Change& change, const Folder* folder, std::map<std::string, Entry>& entries) {
  if (change.from_folder == folder) entries.erase(change.from);
  if (change.to_folder == folder) entries[change.to] = change.entry;
}

}  // namespace

uint64_t Below(Random& random, uint64_t limit) { return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random); }

void Node::Write(std::string_view bytes, uint64_t offset) {
  size = std::max(size, offset + bytes.size());
  while (!bytes.empty()) {
    const uint64_t begin = offset % kSectorSize;
    const auto count = std::min<size_t>(bytes.size(), kSectorSize - begin);
    Sector& sector = At(offset / kSectorSize);
    unsynced[offset / kSectorSize].push_back(sector);
    std::memcpy(sector.data() + begin, bytes.data(), count);
    bytes.remove_prefix(count);
    offset += count;
  }
}

void Node::Sync() {
  for (const auto& [sector, versions] : unsynced) lost.erase(sector);
  unsynced.clear();
  synced_size = size;
}

void Node::FailSync() {
  for (auto& [sector, versions] : unsynced) lost.try_emplace(sector, std::move(versions));
  unsynced.clear();
}

void Node::Share(size_t wanted) {
  if (shared == nullptr) shared = std::make_shared<std::vector<char>>(wanted);
  shared_before = *shared;
  size = synced_size = shared->size();
}

// The dead process still has its pages, and its destructors may store to them: nobody sees that.
void Node::Kill() {
  if (shared != nullptr) shared = std::make_shared<std::vector<char>>(*shared);
}

void Node::Forget(Random& random, std::map<uint64_t, std::vector<Sector>>& versions) {
  for (auto& [sector, older] : versions) {
    const uint64_t kept = Below(random, older.size() + 1);
    if (kept < older.size()) At(sector) = older[kept];
  }
  versions.clear();
}

void Node::PowerCut(Random& random) {
  Forget(random, unsynced);
  Forget(random, lost);
  for (size_t start = 0; shared != nullptr && start < shared->size(); start += kSectorSize) {
    const size_t count = std::min<size_t>(kSectorSize, shared->size() - start);
    const uint64_t fate = Below(random, 3);
    if (fate == 1) std::copy_n(shared_before.data() + start, count, shared->data() + start);
    if (fate == 2) std::fill_n(shared->data() + start, count, '\0');
  }
  if (size != synced_size && Below(random, 2) == 0) {
    size = synced_size;
    // What comes back when the file grows again are zeros.
    sectors.erase(sectors.lower_bound((size + kSectorSize - 1) / kSectorSize), sectors.end());
    if (size % kSectorSize != 0) {
      Sector& last = At(size / kSectorSize);
      std::fill(last.begin() + static_cast<std::ptrdiff_t>(size % kSectorSize), last.end(), '\0');
    }
  }
  synced_size = size;
}

void Make(const Change& change) {
  const auto shared = std::make_shared<const Change>(change);
  for (Folder* folder : {change.from_folder, change.to_folder}) {
    if (folder == nullptr || (!folder->unsynced.empty() && folder->unsynced.back() == shared)) continue;
    Apply(change, folder, folder->entries);
    folder->unsynced.push_back(shared);
  }
}

void Commit(Folder& folder, size_t count) {
  for (; count > 0 && !folder.unsynced.empty(); --count) {
    const std::shared_ptr<const Change> change = folder.unsynced.front();
    folder.unsynced.pop_front();
    Apply(*change, &folder, folder.synced_entries);
    Folder* const other = change->from_folder == &folder ? change->to_folder : change->from_folder;
    if (other == nullptr || other == &folder) continue;
    const auto place = std::find(other->unsynced.begin(), other->unsynced.end(), change);
    if (place != other->unsynced.end()) Commit(*other, static_cast<size_t>(place - other->unsynced.begin()) + 1);
  }
}

void Collect(const std::shared_ptr<Folder>& folder, std::vector<std::shared_ptr<Folder>>& folders) {
  if (std::find(folders.begin(), folders.end(), folder) != folders.end()) return;
  folders.push_back(folder);
  for (const auto* entries : {&folder->entries, &folder->synced_entries}) {
    for (const auto& [name, entry] : *entries) {
      if (entry.folder != nullptr) Collect(entry.folder, folders);
    }
  }
}

}  // namespace postern::medium
