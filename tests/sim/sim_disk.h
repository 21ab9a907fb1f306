// SimDisk is a disk in memory that forgets what was not synced when its power is cut.
//
// A test or the simulator owns it and outlives all that was opened from it; everything is on one thread. What was
// opened before a Kill() or PowerCut() is dead afterwards: every call fails, and its locks are free.
//
//   File::Sync()       makes the bytes and the size of that file durable, and nothing of its name
//   Directory::Sync()  makes the names in that folder durable
//   OpenShared()       stores reach the disk at once for Kill(); no File reads them
//   PowerCut()         of unsynced bytes keeps any version of any 512-byte sector; of the unsynced changes of names in
//                      a folder those before some moment; a rename from one folder to another happens in both or in
//                      none; a sector of shared bytes is as it was opened, as it is, or zeros

#ifndef POSTERN_TESTS_SIM_SIM_DISK_H_
#define POSTERN_TESTS_SIM_SIM_DISK_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "store/file.h"

namespace postern {

class SimDisk {
 public:
  using Random = std::mt19937_64;
  // The calls that change something.
  enum class Operation : uint8_t { kCreate, kWrite, kSync, kRename, kRemove, kSyncDirectory };
  static constexpr size_t kOperationCount = 6;

  explicit SimDisk(uint64_t capacity = UINT64_MAX);
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // The folder at `path`, made with its parents when missing; as OpenDirectory().
  absl::StatusOr<std::unique_ptr<Directory>> Open(const std::string& path);

  // The process dies: what it wrote is there.
  void Kill();
  // The machine dies: what was synced is there, and of the rest what `random` says.
  void PowerCut(Random& random);

  // What is reserved or written beyond it finds no room. It may be set below what is used.
  void set_capacity(uint64_t bytes);
  uint64_t used_size() const;

  // The `nth` call from now on, 1 being the next, fails with `status`. A failed write leaves half of its bytes; bytes
  // of a failed sync stay unsynced for ever, although the next sync succeeds, as on Linux.
  void FailAt(Operation operation, uint64_t nth, absl::Status status);
  // No call that has not failed yet fails any more.
  void ForgetFaults();
  // Changes take time: `pause` is called before each of them happens, and lets others go on meanwhile. It may not
  // Kill() or PowerCut(): for that, StopAfter() and do it when the call has returned.
  void set_pause(std::function<void()> pause);
  // After so many more changes of any kind every call fails, until Kill() or PowerCut(): a death at any moment.
  void StopAfter(uint64_t operation_count);
  bool stopped() const;
  // The program dies of a message: it stops at the first write of `bytes` into a file whose path contains `part`. Once.
  void StopAtWrite(std::string bytes, std::string part);
  // Called when it stops, before that is felt: what a process does while it dies.
  void set_last_words(std::function<void()> last_words);
  // A disk that lies: syncs of files, of folders, or both do nothing and succeed. To see that a test can fail.
  void set_lying(bool files, bool directories);

  uint64_t count(Operation operation) const;
  uint64_t total_count() const;

  // sim_disk_state.h; known to sim_disk.cc alone.
  struct State;

 private:
  const std::shared_ptr<State> state_;
};

}  // namespace postern

#endif  // POSTERN_TESTS_SIM_SIM_DISK_H_
