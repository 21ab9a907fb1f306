// Three ways to make a batch of records durable in a preallocated file that was written before: the figures decide
// which of them the log uses. Set TMPDIR to choose the disk.

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/log/check.h"
#include "benchmark/benchmark.h"

namespace postern {
namespace {

constexpr size_t kFileSize = 64 * 1024 * 1024;
constexpr size_t kRecordSize = 1184;
constexpr size_t kPageSize = 4096;

enum class Method { kWriteAndSync, kWriteSynced, kDirect };

void MakeDurable(benchmark::State& state, Method method) {
  const char* folder = std::getenv("TMPDIR");
  std::string path = std::string(folder != nullptr ? folder : "/tmp") + "/postern-sync-XXXXXX";
  int fd = mkstemp(path.data());
  CHECK_GE(fd, 0);
  const std::string zeros(kFileSize, '\0');
  CHECK_EQ(write(fd, zeros.data(), kFileSize), static_cast<ssize_t>(kFileSize));
  CHECK_EQ(fsync(fd), 0);
  if (method == Method::kDirect) {
    close(fd);
    fd = open(path.c_str(), O_WRONLY | O_DIRECT | O_DSYNC);
    if (fd < 0) {
      unlink(path.c_str());
      state.SetLabel("this file system has no direct I/O");
      for (auto _ : state) continue;
      return;
    }
  }
  size_t size = static_cast<size_t>(state.range(0)) * kRecordSize;
  // Direct I/O writes whole pages: the last one, partly filled, is written again by the next batch.
  if (method == Method::kDirect) size = (size + kPageSize - 1) / kPageSize * kPageSize;
  const std::unique_ptr<char, decltype(&std::free)> bytes(
      static_cast<char*>(std::aligned_alloc(kPageSize, (size + kPageSize - 1) / kPageSize * kPageSize)), &std::free);
  std::fill_n(bytes.get(), size, 'x');
  const iovec vector = {bytes.get(), size};
  size_t offset = 0;
  for (auto _ : state) {
    if (offset + size > kFileSize) offset = 0;
    const int flags = method == Method::kWriteSynced ? RWF_DSYNC : 0;
    CHECK_EQ(pwritev2(fd, &vector, 1, static_cast<off_t>(offset), flags), static_cast<ssize_t>(size));
    if (method == Method::kWriteAndSync) CHECK_EQ(fdatasync(fd), 0);
    offset += size;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  close(fd);
  unlink(path.c_str());
}

void BM_WriteAndFdatasync(benchmark::State& state) { MakeDurable(state, Method::kWriteAndSync); }
void BM_WriteDsync(benchmark::State& state) { MakeDurable(state, Method::kWriteSynced); }
void BM_WriteDirect(benchmark::State& state) { MakeDurable(state, Method::kDirect); }
BENCHMARK(BM_WriteAndFdatasync)->Arg(1)->Arg(10)->Arg(50)->UseRealTime();
BENCHMARK(BM_WriteDsync)->Arg(1)->Arg(10)->Arg(50)->UseRealTime();
BENCHMARK(BM_WriteDirect)->Arg(1)->Arg(10)->Arg(50)->UseRealTime();

}  // namespace
}  // namespace postern
