// A whole run: real threads and sockets, and what they have seen added up.

#include "bench/load/load_run.h"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/relay/scripted_server.h"

namespace postern {
namespace {

using std::chrono::milliseconds;

std::string TakeAll(std::string_view line, int) {
  if (line.empty()) return "220 scripted";
  if (line == "DATA") return "354 go";
  return "250 ok";
}

class LoadRunTest : public testing::Test {
 protected:
  LoadRunTest() {
    options_.address = *SocketAddress::Parse(absl::StrCat("127.0.0.1:", server_.port));
    options_.connection_count = 6;
    options_.thread_count = 3;
  }

  LoadReport Run() {
    const Mail::Header header{.from = "a@b.example", .to = "c@d.example", .date = {}, .run = 1};
    std::vector<Mail> mails;
    for (const Mix::Part& part : options_.mix.parts()) mails.push_back(*Mail::Make(header, part.size));
    return LoadRun(options_, std::move(mails)).Run();
  }

  ScriptedServer server_{TakeAll};
  LoadOptions options_;
};

TEST_F(LoadRunTest, AddsUpWhatItsThreadsHaveSeen) {
  options_.message_count = 300;
  options_.idle_count = 5;
  options_.source_count = 4;
  const LoadReport report = Run();
  EXPECT_EQ(report.tally.message_count, 300u);
  EXPECT_EQ(report.tally.message.count(), 300u);
  EXPECT_EQ(server_.Count("Message-ID: "), 300);
  EXPECT_EQ(report.tally.connection_count, 6u);
  EXPECT_EQ(server_.connection_count, 11);
  EXPECT_EQ(report.idle_held_count, 5u);
  EXPECT_EQ(report.planned, Duration::zero());
  EXPECT_GT(report.messages_per_second(), 0);
  EXPECT_TRUE(report.all_taken());
  EXPECT_FALSE(report.interrupted);
}

TEST_F(LoadRunTest, EndsAfterItsTime) {
  options_.rate = 100;
  options_.warm_up = milliseconds(200);
  options_.duration = milliseconds(500);
  const LoadReport report = Run();
  EXPECT_EQ(report.tally.message_count + report.tally.unsent_count, 50u);
  EXPECT_EQ(report.planned, options_.duration);
  EXPECT_GT(report.generator_cpu, Duration::zero());
}

}  // namespace
}  // namespace postern
