// What a simulated disk holds: files and folders, each with what a power cut may still take back.
//
// A SimDisk owns them; everything is on one thread. Here is only what is forgotten and what stays: who may call, and
// what fails, is the disk's to say (sim_disk_state.h).

#ifndef POSTERN_TESTS_SIM_SIM_MEDIUM_H_
#define POSTERN_TESTS_SIM_SIM_MEDIUM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace postern::medium {

using Random = std::mt19937_64;
uint64_t Below(Random& random, uint64_t limit);

inline constexpr uint64_t kSectorSize = 512;
using Sector = std::array<char, kSectorSize>;

struct Folder;

// A file, whatever its name is and whether it has one.
struct Node {
  std::map<uint64_t, Sector> sectors;  // those that were ever written; the others are zeros
  uint64_t size = 0;
  uint64_t synced_size = 0;
  // What a sector held at the last sync and after each write since, but for the last one.
  std::map<uint64_t, std::vector<Sector>> unsynced;
  std::map<uint64_t, std::vector<Sector>> lost;  // the same, of those whose sync has failed
  std::shared_ptr<std::vector<char>> shared;     // what the living process stores to, when it was opened so
  std::vector<char> shared_before;               // what it was then

  Sector& At(uint64_t sector) { return sectors.try_emplace(sector, Sector{}).first->second; }
  void Write(std::string_view bytes, uint64_t offset);
  void Sync();
  void FailSync();
  void Share(size_t wanted);
  void Kill();
  void PowerCut(Random& random);
  void Forget(Random& random, std::map<uint64_t, std::vector<Sector>>& versions);
};

// A file or a folder under a name.
struct Entry {
  std::shared_ptr<Node> file = nullptr;  // one of the two
  std::shared_ptr<Folder> folder = nullptr;
};

// One change of names: `from` goes, `to` comes; either may be missing.
struct Change {
  Folder* from_folder = nullptr;
  std::string from = {};
  Folder* to_folder = nullptr;
  std::string to = {};
  Entry entry = {};
};

struct Folder {
  std::map<std::string, Entry> entries;
  std::map<std::string, Entry> synced_entries;
  std::deque<std::shared_ptr<const Change>> unsynced;
  bool locked = false;
};

// Carries out a change, which is not durable yet.
void Make(const Change& change);

// Makes the oldest `count` changes of `folder` durable, and what another folder must have for them.
void Commit(Folder& folder, size_t count);

// Adds to `folders` every folder below one, itself included, in the order of their names.
void Collect(const std::shared_ptr<Folder>& folder, std::vector<std::shared_ptr<Folder>>& folders);

}  // namespace postern::medium

#endif  // POSTERN_TESTS_SIM_SIM_MEDIUM_H_
