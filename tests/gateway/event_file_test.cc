#include "gateway/event_file.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/file_path.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

class HandClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return {}; }
  WallTime Wall() const override { return wall; }
  WallTime wall = {.us = 1'700'000'000'000'000};  // 2023-11-14T22:13:20Z
};

std::string Read(const std::string& path) {
  std::ifstream file(FilePath(path), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(EventFile, IsOneADayAndGoesOnWhereItEnded) {
  const std::string folder = absl::StrCat(std::getenv("TEST_TMPDIR"), "/events-\xC3\xBC");
  HandClock clock;
  {
    EventFile file(folder, clock);
    EXPECT_TRUE(file.Write("one\n"));
    EXPECT_TRUE(file.Write("two\n"));
    clock.wall.us += int64_t{2} * 3600 * 1'000'000;
    EXPECT_TRUE(file.Write("three\n"));
  }
  EventFile file(folder, clock);
  EXPECT_TRUE(file.Write("four\n"));
  EXPECT_EQ(Read(folder + "/2023-11-14.log"), "one\ntwo\n");
  EXPECT_EQ(Read(folder + "/2023-11-15.log"), "three\nfour\n");
}

TEST(EventFile, WhatCannotBeWrittenIsToldAndTriedAgain) {
  const std::string folder = absl::StrCat(std::getenv("TEST_TMPDIR"), "/not-yet");
  HandClock clock;
  EventFile file(folder, clock);
  std::ofstream(FilePath(folder)).put('x');  // a file is in the way
  EXPECT_FALSE(file.Write("lost\n"));
  std::filesystem::remove(FilePath(folder));
  EXPECT_TRUE(file.Write("kept\n"));
  EXPECT_EQ(Read(folder + "/2023-11-14.log"), "kept\n");
}

}  // namespace
}  // namespace postern
