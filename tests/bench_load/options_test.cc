// The command line of the load generator.

#include "bench/load/options.h"

#include <chrono>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gateway/exit_code.h"
#include "gtest/gtest.h"

namespace postern {
namespace {

using std::chrono::seconds;

std::variant<LoadOptions, int> Parse(const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  std::vector<const char*> argv = {"load"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

LoadOptions Parsed(const std::string& line) {
  const std::variant<LoadOptions, int> parsed = Parse(line);
  EXPECT_TRUE(std::holds_alternative<LoadOptions>(parsed)) << line;
  return std::holds_alternative<LoadOptions>(parsed) ? std::get<LoadOptions>(parsed) : LoadOptions();
}

TEST(Options, AreAllThereIsToSay) {
  const LoadOptions options = Parsed(
      "mx.example.org:2525 -c 50 -m 1000 -d 30s --warm-up 2s --rate 5000.5 --idle 7 --sources 3 --threads 2 -s 10k "
      "-r 4 --from a@b.example --to c@d.example --messages-per-connection 5 --no-pipelining --no-bdat --timeout 9s "
      "--pid 4711 --json --report out.html");
  EXPECT_EQ(options.target, "mx.example.org:2525");
  EXPECT_EQ(options.connection_count, 50u);
  EXPECT_EQ(options.message_count, 1000u);
  EXPECT_EQ(options.duration, Duration(seconds(30)));
  EXPECT_EQ(options.warm_up, Duration(seconds(2)));
  EXPECT_EQ(options.rate, 5000.5);
  EXPECT_EQ(options.idle_count, 7u);
  EXPECT_EQ(options.source_count, 3u);
  EXPECT_EQ(options.thread_count, 2u);
  EXPECT_EQ(options.mix.parts().at(0).size, 10u * 1024);
  EXPECT_EQ(options.recipient_count, 4u);
  EXPECT_EQ(options.from, "a@b.example");
  EXPECT_EQ(options.to, "c@d.example");
  EXPECT_EQ(options.messages_per_connection, 5u);
  EXPECT_FALSE(options.pipelining);
  EXPECT_FALSE(options.chunking);
  EXPECT_EQ(options.timeout, Duration(seconds(9)));
  EXPECT_EQ(options.pid, 4711);
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.report_file, "out.html");
}

TEST(Options, ThatAreNotSaidMakeAnHonestLoad) {
  const LoadOptions options = Parsed("127.0.0.1:25");
  EXPECT_EQ(options.duration, Duration(seconds(10))) << "it ends";
  EXPECT_EQ(Parsed("127.0.0.1:25 -m 5").duration, Duration::zero());
  EXPECT_TRUE(options.pipelining);
  EXPECT_TRUE(options.chunking);
  EXPECT_EQ(options.rate, 0);
  EXPECT_EQ(options.mix.parts().at(0).size, 4096u);
}

TEST(Options, KnowSeveralSizes) {
  EXPECT_EQ(Parsed("h --mix").mix.parts().size(), 5u);
  EXPECT_EQ(Parsed("--mix h").target, "h") << "a flag takes nothing of what follows it";
  EXPECT_EQ(Parsed("h -s 1k:9,1m:1").mix.parts().size(), 2u);
}

TEST(Options, ThatMakeNoSenseAreRefused) {
  for (const char* wrong : {"",
                            "h -c 0",
                            "h -c x",
                            "h -d 1d",
                            "h -s 0",
                            "h -s 4q",
                            "h --rate 0",
                            "h --rate -1",
                            "h --threads 0",
                            "h -c 2 --threads 3",
                            "h --to nobody",
                            "h --to <a@b>",
                            "h --from <>",
                            "h --mix -s 1k",
                            "h --unknown",
                            "h h2",
                            "h --pid 0",
                            "h -r 0",
                            "h --sources 0",
                            "h --sources 99999999"}) {
    const std::variant<LoadOptions, int> parsed = Parse(wrong);
    ASSERT_TRUE(std::holds_alternative<int>(parsed)) << wrong;
    EXPECT_EQ(std::get<int>(parsed), kExitUsage) << wrong;
  }
}

TEST(Options, HelpIsNoMistakeAndTellsHowToRead) {
  testing::internal::CaptureStdout();
  const std::variant<LoadOptions, int> parsed = Parse("--help");
  const std::string help = testing::internal::GetCapturedStdout();
  ASSERT_TRUE(std::holds_alternative<int>(parsed));
  EXPECT_EQ(std::get<int>(parsed), kExitOk);
  for (const char* word : {"Examples:", "How to read", "omission", "never begun", "TLS", "p99", "Exit codes", "--rate",
                           "--report", "--messages-per-connection"}) {
    EXPECT_TRUE(absl::StrContains(help, word)) << word;
  }
  for (const std::string_view line : absl::StrSplit(help, '\n')) EXPECT_LE(line.size(), 120u) << line;
}

TEST(Options, NumberRecipientsWhenThereAreSeveral) {
  LoadOptions options;
  options.to = "kim@here.example";
  EXPECT_EQ(options.Recipients(), std::vector<std::string>{"kim@here.example"});
  options.recipient_count = 3;
  EXPECT_EQ(options.Recipients(),
            (std::vector<std::string>{"kim1@here.example", "kim2@here.example", "kim3@here.example"}));
}

TEST(Options, SourcesLieIn127Slash8) {
  LoadOptions options;
  EXPECT_EQ(options.Source(0), std::nullopt);
  options.source_count = 70'000;
  EXPECT_EQ(options.Source(0)->ToString(), "127.0.0.1");
  EXPECT_EQ(options.Source(254)->ToString(), "127.0.0.255");
  EXPECT_EQ(options.Source(255)->ToString(), "127.0.1.0");
  EXPECT_EQ(options.Source(65'535)->ToString(), "127.1.0.0");
  EXPECT_EQ(options.Source(70'000), options.Source(0));
  std::set<std::string> all;
  for (size_t i = 0; i < options.source_count; ++i) all.insert(options.Source(i)->ToString());
  EXPECT_EQ(all.size(), options.source_count);
}

TEST(Options, AreSummedUpInALine) {
  EXPECT_EQ(Summary(Parsed("h")),
            "10 connections, closed loop, messages of 4.00 KiB, 1 recipient, PIPELINING if offered, BDAT if offered");
  EXPECT_EQ(Summary(Parsed("h -c 1 --messages-per-connection 1 --idle 5 --rate 200 -r 2 --no-bdat --no-pipelining")),
            "1 connection, 1 message on each, 5 more idle, open loop at 200/s, messages of 4.00 KiB, 2 recipients, "
            "no PIPELINING, DATA");
  EXPECT_TRUE(absl::EndsWith(Summary(Parsed("h --sources 50 --threads 2")), ", from 50 of 127/8, 2 threads"));
}

}  // namespace
}  // namespace postern
