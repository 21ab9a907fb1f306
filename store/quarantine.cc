#include "store/quarantine.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace postern {
namespace {

constexpr uint32_t kCopySize = 1024 * 1024;  // at a time

absl::Status Copy(File& from, uint32_t offset, uint32_t size, File& to) {
  std::vector<char> bytes(std::min(size, kCopySize));
  for (uint32_t done = 0; done < size;) {
    const absl::StatusOr<size_t> count =
        from.ReadAt(std::span(bytes).first(std::min(size - done, kCopySize)), offset + done);
    if (!count.ok() || *count == 0) break;
    const std::string_view piece(bytes.data(), *count);
    if (absl::Status status = to.WriteAt({&piece, 1}, done); !status.ok()) return status;
    done += static_cast<uint32_t>(*count);
  }
  return to.Sync();
}

}  // namespace

absl::StatusOr<std::string> CopyToQuarantine(File& segment, Position position, uint32_t size, Directory& quarantine) {
  const std::string name = absl::StrCat(SegmentName(position.segment), "-", position.offset);
  std::string path = absl::StrCat(quarantine.path(), "/", name);
  if (quarantine.OpenForRead(name).ok()) {
    // Whoever made it may have been killed before its name was on stable storage.
    if (absl::Status status = quarantine.Sync(); !status.ok()) return status;
    return path;
  }
  // Under a name of its own until it is whole: a crash in between must not leave a half that passes for the copy.
  const std::string unfinished = name + ".part";
  if (absl::Status status = quarantine.Remove(unfinished); !status.ok() && !absl::IsNotFound(status)) return status;
  const absl::StatusOr<std::unique_ptr<File>> copy = quarantine.Create(unfinished, 0);
  if (!copy.ok()) return copy.status();
  if (absl::Status status = Copy(segment, position.offset, size, **copy); !status.ok()) return status;
  if (absl::Status status = quarantine.Rename(unfinished, name); !status.ok()) return status;
  if (absl::Status status = quarantine.Sync(); !status.ok()) return status;
  return path;
}

}  // namespace postern
