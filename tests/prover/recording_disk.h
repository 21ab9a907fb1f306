// RecordingDisk is a disk in memory that writes down what is done to it.
//
// A test owns it and outlives all that was opened from it; everything is on one thread. It forgets nothing itself: what
// a power cut would leave is for PowerCut to say, from the image it began with and the trace.

#ifndef POSTERN_TESTS_PROVER_RECORDING_DISK_H_
#define POSTERN_TESTS_PROVER_RECORDING_DISK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/file.h"
#include "tests/prover/disk_image.h"
#include "tests/prover/trace.h"

namespace postern {

class RecordingDisk {
 public:
  explicit RecordingDisk(DiskImage start = {}) : image_(std::move(start)), next_node_(image_.NextNode()) {}
  RecordingDisk(const RecordingDisk&) = delete;
  RecordingDisk& operator=(const RecordingDisk&) = delete;

  // As OpenDirectory(): the folder, made with its parents when missing, and its name on stable storage.
  absl::StatusOr<std::unique_ptr<Directory>> Open(const std::string& path);

  const Trace& trace() const { return trace_; }
  const DiskImage& image() const { return image_; }

  // After so many more steps the process is dead: every call fails, until Restart().
  void StopAfter(uint64_t step_count) { left_ = step_count; }
  bool stopped() const { return left_ == 0; }
  // Another process begins; what was opened before must be gone.
  void Restart() {
    left_ = UINT64_MAX;
    syncs_left_ = UINT64_MAX;
    sync_failed_ = false;
  }
  // The `nth` sync of a file from now on, 1 being the next, fails, unless the process restarts before.
  void FailSync(uint64_t nth) { syncs_left_ = nth; }
  bool sync_failed() const { return sync_failed_; }  // of this process

 private:
  friend class RecordingFile;
  friend class RecordingDirectory;

  // Before a change of the file or folder at `path`.
  absl::Status Begin(const std::string& path);
  absl::Status Alive(const std::string& path) const;
  absl::Status MakeFolder(const std::string& path);
  absl::Status SyncFolder(const std::string& path);
  void Note(Step step) { trace_.push_back(std::move(step)); }

  DiskImage image_;
  NodeNumber next_node_;
  Trace trace_;
  uint64_t left_ = UINT64_MAX;
  uint64_t syncs_left_ = UINT64_MAX;
  bool sync_failed_ = false;
};

}  // namespace postern

#endif  // POSTERN_TESTS_PROVER_RECORDING_DISK_H_
