#include "tests/prover/recording_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace postern {

class RecordingFile final : public File {
 public:
  RecordingFile(RecordingDisk& disk, NodeNumber node, std::string path)
      : disk_(disk), node_(node), path_(std::move(path)) {}

  absl::StatusOr<size_t> ReadAt(std::span<char> bytes, uint64_t offset) override {
    if (absl::Status status = disk_.Alive(path_); !status.ok()) return status;
    const std::string& content = Content();
    if (offset >= content.size()) return 0;
    const size_t count = std::min<size_t>(bytes.size(), content.size() - offset);
    std::memcpy(bytes.data(), content.data() + offset, count);
    return count;
  }

  absl::Status WriteAt(std::span<const std::string_view> pieces, uint64_t offset) override {
    if (absl::Status status = disk_.Begin(path_); !status.ok()) return status;
    std::string bytes;
    for (const std::string_view piece : pieces) bytes += piece;
    std::string& content = disk_.image_.Edit(node_);
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
    std::memcpy(content.data() + offset, bytes.data(), bytes.size());
    disk_.Note({.kind = Step::Kind::kWrite, .node = node_, .path = path_, .offset = offset, .bytes = std::move(bytes)});
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (absl::Status status = disk_.Begin(path_); !status.ok()) return status;
    const bool fails = --disk_.syncs_left_ == 0;
    disk_.sync_failed_ = disk_.sync_failed_ || fails;
    disk_.Note({.kind = fails ? Step::Kind::kFailedSync : Step::Kind::kSync, .node = node_, .path = path_});
    return fails ? absl::InternalError(absl::StrCat(path_, ": fdatasync: input/output error")) : absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    if (absl::Status status = disk_.Alive(path_); !status.ok()) return status;
    return Content().size();
  }

 private:
  const std::string& Content() { return *disk_.image_.contents.at(node_); }

  RecordingDisk& disk_;
  const NodeNumber node_;
  const std::string path_;
};

namespace {

class NoLock final : public DirectoryLock {};  // a prover has one process at a time

}  // namespace

class RecordingDirectory final : public Directory {
 public:
  RecordingDirectory(RecordingDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }

  absl::StatusOr<std::vector<std::string>> List() override {
    if (absl::Status status = disk_.Alive(path_); !status.ok()) return status;
    std::vector<std::string> found;
    const std::string prefix = absl::StrCat(path_, "/");
    const auto& names = disk_.image_.names;
    for (auto it = names.lower_bound(prefix); it != names.end() && it->first.starts_with(prefix); ++it) {
      if (FolderOf(it->first) == path_) found.push_back(it->first.substr(prefix.size()));
    }
    return found;
  }

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& name) override {
    if (absl::Status status = disk_.Alive(path_); !status.ok()) return status;
    const NodeNumber node = FindFile(name);
    if (node == 0) return Missing("open", name);
    return std::make_unique<RecordingFile>(disk_, node, PathOf(name));
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string& name) override { return OpenForRead(name); }

  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& name, uint64_t preallocate_size) override {
    const std::string path = PathOf(name);
    if (disk_.image_.Find(path) != 0) return absl::AlreadyExistsError(absl::StrCat(path, ": create: file exists"));
    if (!disk_.image_.IsFolder(FolderOf(path))) return Missing("create", name);
    if (absl::Status status = disk_.Begin(path); !status.ok()) return status;
    const NodeNumber node = disk_.next_node_++;
    disk_.image_.names[path] = node;
    disk_.image_.contents[node] = std::make_shared<std::string>(preallocate_size, '\0');
    disk_.Note({.kind = Step::Kind::kCreate, .node = node, .path = path, .size = preallocate_size});
    return std::make_unique<RecordingFile>(disk_, node, path);
  }

  absl::StatusOr<std::unique_ptr<SharedBytes>> OpenShared(const std::string& name, size_t) override {
    return absl::UnimplementedError(absl::StrCat(PathOf(name), ": a power cut may leave anything in shared bytes"));
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    const std::string path = PathOf(to);
    const NodeNumber node = FindFile(from);
    if (node == 0 || !disk_.image_.IsFolder(FolderOf(path))) return Missing("rename", from);
    if (absl::Status status = disk_.Begin(path); !status.ok()) return status;
    const NodeNumber replaced = disk_.image_.Find(path);
    disk_.image_.names.erase(PathOf(from));
    disk_.image_.names[path] = node;
    disk_.Note({.kind = Step::Kind::kRename, .node = node, .path = path, .replaced = replaced});
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& name) override {
    const NodeNumber node = FindFile(name);
    if (node == 0) return Missing("unlink", name);
    if (absl::Status status = disk_.Begin(path_); !status.ok()) return status;
    disk_.image_.names.erase(PathOf(name));
    disk_.Note({.kind = Step::Kind::kRemove, .node = node, .path = PathOf(name)});
    return absl::OkStatus();
  }

  absl::Status Sync() override { return disk_.SyncFolder(path_); }

  absl::StatusOr<std::unique_ptr<Directory>> OpenSubdirectory(const std::string& name) override {
    if (absl::Status status = disk_.MakeFolder(PathOf(name)); !status.ok()) return status;
    return std::make_unique<RecordingDirectory>(disk_, PathOf(name));
  }

  absl::StatusOr<std::unique_ptr<DirectoryLock>> TryLock() override { return std::make_unique<NoLock>(); }
  absl::StatusOr<uint64_t> FreeSize() override { return UINT64_MAX; }
  absl::StatusOr<FileSystemInfo> FileSystem() override { return FileSystemInfo{.type = "recorded"}; }

 private:
  std::string PathOf(const std::string& name) const { return absl::StrCat(path_, "/", name); }
  NodeNumber FindFile(const std::string& name) const {
    const NodeNumber node = disk_.image_.Find(PathOf(name));
    return disk_.image_.contents.contains(node) ? node : 0;
  }
  absl::Status Missing(std::string_view call, const std::string& name) const {
    return absl::NotFoundError(absl::StrCat(PathOf(name), ": ", call, ": no such file or directory"));
  }

  RecordingDisk& disk_;
  const std::string path_;
};

absl::Status RecordingDisk::Alive(const std::string& path) const {
  if (left_ == 0) return absl::InternalError(absl::StrCat(path, ": the process is dead"));
  return absl::OkStatus();
}

absl::Status RecordingDisk::Begin(const std::string& path) {
  if (left_ != 0 && left_ != UINT64_MAX) --left_;
  return Alive(path);
}

absl::Status RecordingDisk::MakeFolder(const std::string& path) {
  if (image_.IsFolder(path)) return Alive(path);
  if (absl::Status status = Begin(path); !status.ok()) return status;
  const NodeNumber node = next_node_++;
  image_.names[path] = node;
  Note({.kind = Step::Kind::kMakeFolder, .node = node, .path = path});
  return absl::OkStatus();
}

absl::Status RecordingDisk::SyncFolder(const std::string& path) {
  if (absl::Status status = Begin(path); !status.ok()) return status;
  Note({.kind = Step::Kind::kSyncFolder, .path = path});
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Directory>> RecordingDisk::Open(const std::string& path) {
  // As the machine's: a name that is there may have been made by a process that was killed before it could sync, and
  // whoever made the last one had synced all before it.
  const bool is_missing = !image_.IsFolder(path);
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    const bool is_whole = slash == std::string::npos;
    if (absl::Status status = MakeFolder(part); !status.ok()) return status;
    if (is_missing || is_whole) {
      if (absl::Status status = SyncFolder(std::string(FolderOf(part))); !status.ok()) return status;
    }
    if (is_whole) return std::make_unique<RecordingDirectory>(*this, path);
  }
}

}  // namespace postern
