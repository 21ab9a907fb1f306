#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "net/host.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Standard error is `descriptor` as long as this lives.
class StandardErrorIs {
 public:
  explicit StandardErrorIs(int descriptor) : before_(dup(STDERR_FILENO)) { dup2(descriptor, STDERR_FILENO); }
  ~StandardErrorIs() {
    dup2(before_, STDERR_FILENO);
    close(before_);
  }
  StandardErrorIs(const StandardErrorIs&) = delete;
  StandardErrorIs& operator=(const StandardErrorIs&) = delete;

 private:
  const int before_;
};

TEST(StandardErrorPosix, WhoReadsNothingIsNotWaitedForAndWhoIsSlowLosesNothing) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const std::string much(1'000'000, 'x');
  {
    const StandardErrorIs pipe_end(ends[1]);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(WriteToStandardError(much, milliseconds(50)));
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
  }

  std::string got;
  std::thread slow([&got, reader = ends[0]] {
    char bytes[1000];
    for (ssize_t size; (size = read(reader, bytes, sizeof bytes)) > 0;) got.append(bytes, static_cast<size_t>(size));
  });
  {
    const StandardErrorIs pipe_end(ends[1]);
    EXPECT_TRUE(WriteToStandardError(much + "end\n", seconds(10)));
  }
  close(ends[1]);
  slow.join();
  close(ends[0]);
  EXPECT_EQ(got.substr(got.size() - much.size() - 4), much + "end\n");
}

// Pages of the whole file that nobody has begun to write to the disk; none is known where the kernel (before 6.5) does
// not tell.
struct DirtyPages {
  bool known = false;
  uint64_t count = 0;
};

DirtyPages DirtyPagesOf(int descriptor) {
  constexpr int64_t kCachestat = 451;  // linux/mman.h of Debian 12 does not know it
  struct {
    uint64_t offset, size;
  } range{0, 0};
  struct {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } pages{};
  const bool known = syscall(kCachestat, descriptor, &range, &pages, 0) == 0;
  return {.known = known, .count = pages.dirty};
}

// A file that is removed with this.
struct Scratch {
  explicit Scratch(const char* name)
      : path(testing::TempDir() + "/" + name),
        descriptor(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)) {}
  ~Scratch() {
    close(descriptor);
    unlink(path.c_str());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string path;
  const int descriptor;
};

TEST(StandardErrorPosix, AFileGoesToTheDiskSteadilyAndNotInABurst) {
  const Scratch ours("ours");
  const Scratch others("others");
  const std::string line = std::string(999, 'x') + "\n";
  std::string wrote;
  {
    const StandardErrorIs the_file(ours.descriptor);
    for (int i = 0; i < 2000; ++i) {
      wrote += line;
      EXPECT_TRUE(WriteToStandardError(line, seconds(10)));
    }
  }
  const DirtyPages dirty = DirtyPagesOf(ours.descriptor);
  std::ifstream reader(ours.path, std::ios::binary);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(reader), {}) == wrote);

  constexpr uint64_t kPagesPerStretch = 256 / 4;
  ASSERT_EQ(write(others.descriptor, wrote.data(), wrote.size()), static_cast<ssize_t>(wrote.size()));
  const DirtyPages burst = DirtyPagesOf(others.descriptor);
  if (!burst.known || burst.count <= 2 * kPagesPerStretch)
    GTEST_SKIP() << "the kernel or the file system does not tell";
  EXPECT_LE(dirty.count, kPagesPerStretch + 1) << "of " << burst.count;
}

}  // namespace
}  // namespace postern
