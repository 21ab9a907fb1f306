// DiskImage is all that a disk holds: names, folders and bytes, as a value.
//
// Whoever has one owns it; copies share the bytes of files until one of them is written, so a copy costs its names. It
// lives on any one thread.

#ifndef POSTERN_TESTS_PROVER_DISK_IMAGE_H_
#define POSTERN_TESTS_PROVER_DISK_IMAGE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace postern {

// A file or a folder, whatever its name is and whether it has one. 0 is none.
using NodeNumber = uint32_t;

struct DiskImage {
  // By their whole paths: "store/0/segment-0000000001".
  std::map<std::string, NodeNumber, std::less<>> names{};
  // Of files; a folder has none.
  std::map<NodeNumber, std::shared_ptr<std::string>> contents{};

  NodeNumber Find(std::string_view path) const {
    const auto it = names.find(path);
    return it == names.end() ? 0 : it->second;
  }
  bool IsFolder(std::string_view path) const {
    if (path.empty()) return true;  // the root is always there
    const NodeNumber node = Find(path);
    return node != 0 && !contents.contains(node);
  }
  // The bytes of a file, this image's own from here on.
  std::string& Edit(NodeNumber file) {
    std::shared_ptr<std::string>& bytes = contents.at(file);
    if (bytes.use_count() > 1) bytes = std::make_shared<std::string>(*bytes);
    return *bytes;
  }
  // Greater than that of any node here.
  NodeNumber NextNode() const {
    NodeNumber next = 1;
    for (const auto& [path, node] : names) next = std::max(next, node + 1);
    return contents.empty() ? next : std::max(next, contents.rbegin()->first + 1);
  }
};

inline constexpr uint64_t kSectorSize = 512;  // what a disk writes whole or not at all

// "a/b" of "a/b/c"; empty for what lies in the root.
inline std::string_view FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_DISK_IMAGE_H_
