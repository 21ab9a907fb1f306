// ScratchDirectory is a folder on the real disk that is gone with its owner.
//
// A benchmark owns it, on its thread. It lies where temporary files do, so TMPDIR chooses the disk that is measured.

#ifndef POSTERN_BENCH_STORE_SCRATCH_H_
#define POSTERN_BENCH_STORE_SCRATCH_H_

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/log/check.h"
#include "core/envelope.h"
#include "store/file.h"

namespace postern {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    path_ = std::filesystem::temp_directory_path() / ("postern-bench-" + std::to_string(now));
    absl::StatusOr<std::unique_ptr<Directory>> directory = OpenDirectory(path_.string());
    CHECK(directory.ok()) << directory.status();
    directory_ = *std::move(directory);
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  Directory& operator*() { return *directory_; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<Directory> directory_;
};

// What a usual message brings along.
inline std::string UsualEnvelope() {
  EnvelopeWriter writer;
  writer.Start({.peer = "192.0.2.1", .helo = "client.example", .sender = "sender@client.example"});
  writer.AddRecipient({.address = "recipient@local.example"});
  return std::string(writer.bytes());
}

}  // namespace postern

#endif  // POSTERN_BENCH_STORE_SCRATCH_H_
