// What a process and its children use, seen from outside.

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <ctime>

#include "bench/load/server_watch.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::milliseconds;

// Uses so much processor time, of which clocks of the system tell the hundredths of a second.
void Spin(Duration time) {
  const double end = static_cast<double>(std::clock()) / CLOCKS_PER_SEC + static_cast<double>(time.count()) / 1e9;
  while (static_cast<double>(std::clock()) / CLOCKS_PER_SEC < end) continue;
}

TEST(ServerWatch, SeesAProcessWork) {
  const ServerWatch watch(getpid());
  const auto before = watch.Look();
  ASSERT_TRUE(before);
  EXPECT_GE(before->process_count, 1u);
  EXPECT_GT(before->resident_size, 500'000u);
  Spin(milliseconds(100));
  const auto after = watch.Look();
  ASSERT_TRUE(after);
  EXPECT_GE(after->cpu - before->cpu, Duration(milliseconds(80)));
  EXPECT_LE(after->cpu - before->cpu, Duration(milliseconds(500)));
}

TEST(ServerWatch, CountsChildrenAlsoWhenTheyHaveEnded) {
  const ServerWatch watch(getpid());
  const auto before = watch.Look();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    Spin(milliseconds(150));
    [[maybe_unused]] const ssize_t told = write(ready[1], "x", 1);
    pause();
    _exit(0);
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const auto during = watch.Look();
  EXPECT_EQ(during->process_count, before->process_count + 1);
  EXPECT_GE(during->cpu - before->cpu, Duration(milliseconds(120)));
  EXPECT_GT(during->resident_size, before->resident_size);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const auto after = watch.Look();
  EXPECT_EQ(after->process_count, before->process_count);
  EXPECT_GE(after->cpu - before->cpu, Duration(milliseconds(120)));
  close(ready[0]);
  close(ready[1]);
}

TEST(ServerWatch, SaysWhenThereIsNoSuchProcess) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(ServerWatch(child).Look());
}

}  // namespace
}  // namespace postern
