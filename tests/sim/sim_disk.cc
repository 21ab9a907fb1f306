#include "tests/sim/sim_disk.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/sim/sim_disk_state.h"
#include "tests/sim/sim_medium.h"

namespace postern {
namespace {

using medium::Below;
using medium::Collect;
using medium::Commit;
using medium::Entry;
using medium::Folder;
using medium::kSectorSize;
using medium::Make;
using medium::Node;

class SimFile final : public File {
 public:
  SimFile(std::shared_ptr<SimDisk::State> disk, std::shared_ptr<Node> node, std::string path)
      : disk_(std::move(disk)), life_(disk_->life), node_(std::move(node)), path_(std::move(path)) {}

  absl::StatusOr<size_t> ReadAt(std::span<char> bytes, uint64_t offset) override {
    if (absl::Status status = disk_->Alive(life_, path_); !status.ok()) return status;
    if (offset >= node_->size) return 0;
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(bytes.size(), node_->size - offset));
    std::fill_n(bytes.begin(), wanted, '\0');
    const uint64_t end = offset + wanted;
    for (auto it = node_->sectors.lower_bound(offset / kSectorSize);
         it != node_->sectors.end() && it->first * kSectorSize < end; ++it) {
      const uint64_t start = it->first * kSectorSize;
      const uint64_t from = std::max(start, offset);
      const uint64_t to = std::min(start + kSectorSize, end);
      std::memcpy(bytes.data() + (from - offset), it->second.data() + (from - start), to - from);
    }
    return wanted;
  }

  absl::Status WriteAt(std::span<const std::string_view> pieces, uint64_t offset) override {
    std::string bytes;
    for (const std::string_view piece : pieces) bytes += piece;
    const bool was_alive = disk_->Alive(life_, path_).ok();
    if (was_alive && !disk_->deadly_bytes.empty() && path_.find(disk_->deadly_part) != std::string::npos &&
        bytes.find(disk_->deadly_bytes) != std::string::npos) {
      disk_->deadly_bytes.clear();
      disk_->Stop();
    }
    absl::Status status = disk_->Begin(SimDisk::Operation::kWrite, life_, path_);
    if (status.ok() && offset + bytes.size() > node_->size) {
      const uint64_t used = disk_->UsedSize();
      const uint64_t more = offset + bytes.size() - node_->size;
      if (used + more > disk_->capacity) {
        status = absl::ResourceExhaustedError(absl::StrCat(path_, ": write: no space left on device"));
        bytes.resize(std::min(bytes.size(), static_cast<size_t>(node_->size > offset ? node_->size - offset : 0)));
      }
    }
    if (!was_alive) return status;
    if (!status.ok()) bytes.resize(bytes.size() / 2);
    if (!bytes.empty()) node_->Write(bytes, offset);
    return status;
  }

  absl::Status Sync() override {
    if (absl::Status alive = disk_->Alive(life_, path_); !alive.ok()) return alive;
    absl::Status status = disk_->Begin(SimDisk::Operation::kSync, life_, path_);
    if (!status.ok()) {
      if (disk_->left > 0) node_->FailSync();  // else it did not come to it
    } else if (!disk_->lying_files) {
      node_->Sync();
    }
    return status;
  }

  absl::StatusOr<uint64_t> Size() override {
    if (absl::Status status = disk_->Alive(life_, path_); !status.ok()) return status;
    return node_->size;
  }

 private:
  const std::shared_ptr<SimDisk::State> disk_;
  const uint64_t life_;
  const std::shared_ptr<Node> node_;
  const std::string path_;
};

class SimSharedBytes final : public SharedBytes {
 public:
  explicit SimSharedBytes(std::shared_ptr<std::vector<char>> shared) : shared_(std::move(shared)) {}
  std::span<char> bytes() const override { return *shared_; }

 private:
  const std::shared_ptr<std::vector<char>> shared_;
};

class SimLock final : public DirectoryLock {
 public:
  SimLock(std::shared_ptr<SimDisk::State> disk, std::shared_ptr<Folder> folder)
      : disk_(std::move(disk)), life_(disk_->life), folder_(std::move(folder)) {}
  ~SimLock() override {
    if (life_ == disk_->life) folder_->locked = false;
  }

 private:
  const std::shared_ptr<SimDisk::State> disk_;
  const uint64_t life_;
  const std::shared_ptr<Folder> folder_;
};

class SimDirectory final : public Directory {
 public:
  SimDirectory(std::shared_ptr<SimDisk::State> disk, std::shared_ptr<Folder> folder, std::string path)
      : disk_(std::move(disk)), life_(disk_->life), folder_(std::move(folder)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

  absl::StatusOr<std::vector<std::string>> List() override {
    if (absl::Status status = disk_->Alive(life_, path_); !status.ok()) return status;
    std::vector<std::string> names;
    for (const auto& [name, entry] : folder_->entries) names.push_back(name);
    return names;
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override {
    if (absl::Status status = disk_->Alive(life_, path_); !status.ok()) return status;
    const auto [folder, leaf] = Walk(name);
    const Entry* entry = folder == nullptr ? nullptr : FindEntry(*folder, leaf);
    if (entry == nullptr || entry->file == nullptr) return Missing("open", name);
    return std::make_unique<SimFile>(disk_, entry->file, PathOf(name));
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) override { return OpenForRead(name); }

  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& name, uint64_t preallocate_size) override {
    if (absl::Status status = disk_->Begin(SimDisk::Operation::kCreate, life_, PathOf(name)); !status.ok()) {
      return status;
    }
    const auto [folder, leaf] = Walk(name);
    if (folder == nullptr) return Missing("create", name);
    if (FindEntry(*folder, leaf) != nullptr) {
      return absl::AlreadyExistsError(absl::StrCat(PathOf(name), ": create: file exists"));
    }
    const uint64_t used = disk_->UsedSize();
    if (preallocate_size > disk_->capacity || used > disk_->capacity - preallocate_size) {
      return absl::ResourceExhaustedError(absl::StrCat(PathOf(name), ": fallocate: no space left on device"));
    }
    auto node = std::make_shared<Node>();
    node->size = preallocate_size;
    disk_->nodes.push_back(node);
    Make({.to_folder = folder, .to = leaf, .entry = {.file = node}});
    return std::make_unique<SimFile>(disk_, std::move(node), PathOf(name));
  }

  absl::StatusOr<std::unique_ptr<SharedBytes>> OpenShared(const std::string& name, size_t size) override {
    const Entry* entry = FindEntry(*folder_, name);
    if (entry == nullptr) {
      if (absl::Status status = Create(name, size).status(); !status.ok()) return status;
      entry = FindEntry(*folder_, name);
    }
    if (absl::Status status = disk_->Alive(life_, path_); !status.ok()) return status;
    if (entry->file == nullptr) return absl::InternalError(absl::StrCat(PathOf(name), ": open: is a directory"));
    entry->file->Share(size);
    CHECK_EQ(entry->file->shared->size(), size) << PathOf(name) << ": a simulated file is shared with one size";
    return std::make_unique<SimSharedBytes>(entry->file->shared);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (absl::Status status = disk_->Begin(SimDisk::Operation::kRename, life_, PathOf(from)); !status.ok()) {
      return status;
    }
    const auto [from_folder, from_leaf] = Walk(from);
    const auto [to_folder, to_leaf] = Walk(to);
    const Entry* entry = from_folder == nullptr ? nullptr : FindEntry(*from_folder, from_leaf);
    if (entry == nullptr || to_folder == nullptr) return Missing("rename", from);
    Make(
        {.from_folder = from_folder, .from = from_leaf, .to_folder = to_folder, .to = to_leaf, .entry = Entry(*entry)});
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& name) override {
    if (absl::Status status = disk_->Begin(SimDisk::Operation::kRemove, life_, PathOf(name)); !status.ok()) {
      return status;
    }
    const auto [folder, leaf] = Walk(name);
    if (folder == nullptr || FindEntry(*folder, leaf) == nullptr) return Missing("unlink", name);
    Make({.from_folder = folder, .from = leaf});
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (absl::Status status = disk_->Begin(SimDisk::Operation::kSyncDirectory, life_, path_); !status.ok()) {
      return status;
    }
    if (!disk_->lying_directories) Commit(*folder_, folder_->unsynced.size());
    return absl::OkStatus();
  }

  // As PosixDirectory: a folder that is new is durable at once.
  absl::StatusOr<std::unique_ptr<Directory>> OpenSubdirectory(const std::string& name) override {
    if (absl::Status status = disk_->Alive(life_, path_); !status.ok()) return status;
    std::shared_ptr<Folder> folder = folder_;
    for (const std::string_view part : absl::StrSplit(name, '/', absl::SkipEmpty())) {
      const Entry* entry = FindEntry(*folder, std::string(part));
      if (entry == nullptr) {
        Make({.to_folder = folder.get(), .to = std::string(part), .entry = {.folder = std::make_shared<Folder>()}});
        Commit(*folder, folder->unsynced.size());
        entry = FindEntry(*folder, std::string(part));
      }
      if (entry->folder == nullptr) return absl::InternalError(absl::StrCat(PathOf(name), ": open: not a directory"));
      folder = entry->folder;
    }
    return std::make_unique<SimDirectory>(disk_, std::move(folder), PathOf(name));
  }

  absl::StatusOr<std::unique_ptr<DirectoryLock>> TryLock() override {
    if (absl::Status status = disk_->Alive(life_, path_); !status.ok()) return status;
    if (std::exchange(folder_->locked, true)) {
      return absl::FailedPreconditionError(absl::StrCat(path_, ": in use by process 1"));
    }
    return std::make_unique<SimLock>(disk_, folder_);
  }

  absl::StatusOr<uint64_t> FreeSize() override {
    if (absl::Status status = disk_->Alive(life_, path_); !status.ok()) return status;
    const uint64_t used = disk_->UsedSize();
    return used < disk_->capacity ? disk_->capacity - used : 0;
  }

  absl::StatusOr<FileSystemInfo> FileSystem() override { return FileSystemInfo{.type = "simulated"}; }

 private:
  std::string PathOf(const std::string& name) const { return absl::StrCat(path_, "/", name); }
  absl::Status Missing(std::string_view call, const std::string& name) const {
    return absl::NotFoundError(absl::StrCat(PathOf(name), ": ", call, ": no such file or directory"));
  }
  static const Entry* FindEntry(const Folder& folder, const std::string& name) {
    const auto it = folder.entries.find(name);
    return it == folder.entries.end() ? nullptr : &it->second;
  }
  // The folder and the last part of "tmp/x"; null when a folder on the way is missing.
  std::pair<Folder*, std::string> Walk(const std::string& name) const {
    std::vector<std::string> parts = absl::StrSplit(name, '/');
    Folder* folder = folder_.get();
    for (size_t i = 0; i + 1 < parts.size() && folder != nullptr; ++i) {
      const Entry* entry = FindEntry(*folder, parts[i]);
      folder = entry == nullptr ? nullptr : entry->folder.get();
    }
    return {folder, parts.back()};
  }

  const std::shared_ptr<SimDisk::State> disk_;
  const uint64_t life_;
  const std::shared_ptr<Folder> folder_;
  const std::string path_;
};

}  // namespace

SimDisk::SimDisk(uint64_t capacity) : state_(std::make_shared<State>()) { state_->capacity = capacity; }
SimDisk::~SimDisk() = default;

absl::StatusOr<std::unique_ptr<Directory>> SimDisk::Open(const std::string& path) {
  SimDirectory root(state_, state_->root, "");
  return root.OpenSubdirectory(std::string(absl::StripPrefix(path, "/")));
}

void SimDisk::Kill() {
  ++state_->life;
  state_->left = std::numeric_limits<uint64_t>::max();
  ForgetFaults();
  std::vector<std::shared_ptr<Folder>> folders;
  Collect(state_->root, folders);
  for (const auto& folder : folders) folder->locked = false;
  for (const std::weak_ptr<Node>& node : state_->nodes) {
    if (const std::shared_ptr<Node> alive = node.lock()) alive->Kill();
  }
}

void SimDisk::PowerCut(Random& random) {
  Kill();
  std::vector<std::shared_ptr<Folder>> folders;
  Collect(state_->root, folders);
  for (const auto& folder : folders) Commit(*folder, Below(random, folder->unsynced.size() + 1));
  for (const auto& folder : folders) {
    folder->entries = folder->synced_entries;
    folder->unsynced.clear();
  }
  for (const std::weak_ptr<Node>& node : state_->nodes) {
    if (const std::shared_ptr<Node> alive = node.lock()) alive->PowerCut(random);
  }
}

void SimDisk::set_capacity(uint64_t bytes) { state_->capacity = bytes; }
uint64_t SimDisk::used_size() const { return state_->UsedSize(); }

void SimDisk::FailAt(Operation operation, uint64_t nth, absl::Status status) {
  const auto index = static_cast<size_t>(operation);
  state_->faults[index].push_back({state_->counts[index] + nth, std::move(status)});
}

void SimDisk::ForgetFaults() {
  for (auto& faults : state_->faults) faults.clear();
}

void SimDisk::set_pause(std::function<void()> pause) { state_->pause = std::move(pause); }

void SimDisk::StopAfter(uint64_t operation_count) { state_->left = operation_count; }
void SimDisk::StopAtWrite(std::string bytes, std::string part) {
  state_->deadly_bytes = std::move(bytes);
  state_->deadly_part = std::move(part);
}
void SimDisk::set_last_words(std::function<void()> last_words) { state_->last_words = std::move(last_words); }
bool SimDisk::stopped() const { return state_->left == 0; }

void SimDisk::set_lying(bool files, bool directories) {
  state_->lying_files = files;
  state_->lying_directories = directories;
}

uint64_t SimDisk::count(Operation operation) const { return state_->counts[static_cast<size_t>(operation)]; }

uint64_t SimDisk::total_count() const {
  uint64_t total = 0;
  for (const uint64_t count : state_->counts) total += count;
  return total;
}

}  // namespace postern
