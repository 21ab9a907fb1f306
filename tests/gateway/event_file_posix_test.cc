#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/clock.h"
#include "gateway/event_file.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

// It may be there before the store is: then it is it that makes DATA_DIR.
TEST(EventFilePosix, ItsFolderAndThoseAboveAreForOurAccountAlone) {
  const std::string above = absl::StrCat(std::getenv("TEST_TMPDIR"), "/private");
  const SystemClock clock;
  EXPECT_TRUE(EventFile(above + "/events", clock).Write("line\n"));
  for (const std::string& folder : {above, above + "/events"}) {
    struct stat info;
    ASSERT_EQ(stat(folder.c_str(), &info), 0) << folder;
    EXPECT_EQ(info.st_mode & 0777, 0700u) << folder;
  }
}

}  // namespace
}  // namespace postern
