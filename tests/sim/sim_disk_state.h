// What everything that was opened from one SimDisk shares: what lies on it, who lives, and what fails.
//
// The SimDisk owns it together with them, since they may outlive it; everything is on one thread.

#ifndef POSTERN_TESTS_SIM_SIM_DISK_STATE_H_
#define POSTERN_TESTS_SIM_SIM_DISK_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_medium.h"

namespace postern {

struct SimDisk::State {
  struct Fault {
    uint64_t at;  // the count of the operation that fails
    absl::Status status;
  };

  uint64_t capacity = UINT64_MAX;
  uint64_t life = 0;                                     // one more after every death
  uint64_t left = std::numeric_limits<uint64_t>::max();  // changes until it stops
  bool lying_files = false;
  bool lying_directories = false;
  std::array<uint64_t, kOperationCount> counts = {};
  std::array<std::vector<Fault>, kOperationCount> faults;
  std::function<void()> pause;
  std::function<void()> last_words;
  std::string deadly_bytes;  // empty: none are
  std::string deadly_part;
  std::shared_ptr<medium::Folder> root = std::make_shared<medium::Folder>();
  std::vector<std::weak_ptr<medium::Node>> nodes;

  uint64_t UsedSize() {
    uint64_t size = 0;
    std::erase_if(nodes, [](const auto& node) { return node.expired(); });
    for (const auto& node : nodes) size += node.lock()->size;
    return size;
  }

  absl::Status Alive(uint64_t in_life, const std::string& path) const {
    if (in_life != life) return absl::InternalError(absl::StrCat(path, ": opened by a process that is dead"));
    if (left == 0) return absl::InternalError(absl::StrCat(path, ": the machine has stopped"));
    return absl::OkStatus();
  }

  // From here on nothing reaches the disk, the stores to shared bytes neither.
  void Stop() {
    left = 0;
    if (last_words) last_words();
    for (const std::weak_ptr<medium::Node>& node : nodes) {
      if (const std::shared_ptr<medium::Node> alive = node.lock()) alive->Kill();
    }
  }

  // Counts a change, and says whether it may happen.
  absl::Status Begin(Operation operation, uint64_t in_life, const std::string& path) {
    if (pause) pause();
    if (absl::Status status = Alive(in_life, path); !status.ok()) return status;
    const auto index = static_cast<size_t>(operation);
    const uint64_t number = ++counts[index];
    if (left != std::numeric_limits<uint64_t>::max() && --left == 0) {
      Stop();
      return absl::InternalError(absl::StrCat(path, ": the machine stops"));
    }
    for (const Fault& fault : faults[index]) {
      if (fault.at == number) return fault.status;
    }
    return absl::OkStatus();
  }
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_DISK_STATE_H_
