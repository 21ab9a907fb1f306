// A worker's load on a server in a simulated network: what it sends, when, and what it says of it.

#include "bench/load/worker.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/bench_load/sim_server.h"
#include "tests/net/world.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kMailSize = 1024;

class WorkerTest : public testing::TestWithParam<uint64_t> {
 protected:
  WorkerTest() {
    options_.address = server_.address();
    options_.connection_count = 4;
    options_.mix = Mix(kMailSize);
  }

  // Runs until the load is over; false when it never is.
  bool Run() {
    MakeWorker();
    BeginLoad();
    return Until([this] { return worker_->done(); });
  }

  void MakeWorker() {
    for (const Mix::Part& part : options_.mix.parts()) {
      mails_.push_back(*Mail::Make({.from = "a@b.example", .to = "c@d.example", .date = {}, .run = 1}, part.size));
    }
    plan_ = std::make_unique<Plan>(options_.warm_up, options_.duration, options_.message_count);
    worker_ = std::make_unique<Worker>(world_.poller(), world_.clock(),
                                       Worker::Setup{.options = options_, .mails = mails_, .plan = *plan_, .index = 0});
    worker_->HoldIdle();
  }

  void BeginLoad() {
    plan_->Begin(world_.clock().Monotonic());
    worker_->Begin();
    if (stall_after_ == Duration::zero()) return;
    server_.stall_from = plan_->start() + stall_after_;
    server_.stall_until = server_.stall_from + stall_for_;
  }

  bool Until(const std::function<bool()>& done) {
    return world_.Until(
        done,
        [this](Duration sleep_max) {
          worker_->Turn(sleep_max);
          world_.network().Run();  // also when the worker is done
          server_.Serve(world_.clock().Monotonic());
        },
        [this] { return std::min(worker_->NextDue(), NextOfServer()); });
  }

  MonotonicTime NextOfServer() const {
    return world_.clock().Monotonic() < server_.stall_until ? server_.stall_until : kNever;
  }

  void Stall(Duration after, Duration time) {
    stall_after_ = after;
    stall_for_ = time;
  }

  std::set<std::string> MessageIds() const {
    std::set<std::string> ids;
    for (const std::string& message : server_.messages) {
      const size_t start = message.find("Message-ID: <");
      ids.insert(message.substr(start, message.find('>', start) - start));
    }
    return ids;
  }

  const Tally& tally() const { return worker_->tally(); }

  World world_{GetParam()};
  SimServer server_{world_.network()};
  LoadOptions options_;
  std::vector<Mail> mails_;
  std::unique_ptr<Plan> plan_;
  std::unique_ptr<Worker> worker_;
  Duration stall_after_{0};
  Duration stall_for_{0};
};

TEST_P(WorkerTest, SendsAsManyAsItIsToldOnKeptConnections) {
  options_.message_count = 200;
  options_.recipient_count = 3;
  ASSERT_TRUE(Run());
  EXPECT_EQ(server_.messages.size(), 200u);
  EXPECT_EQ(MessageIds().size(), 200u);
  for (const std::string& message : server_.messages) EXPECT_EQ(message.size(), kMailSize);
  EXPECT_EQ(server_.recipients.size(), 600u);
  EXPECT_EQ(server_.connection_count, 4u);
  EXPECT_EQ(server_.quit_count, 4u);
  EXPECT_EQ(tally().message_count, 200u);
  EXPECT_EQ(tally().byte_count, 200 * kMailSize);
  EXPECT_EQ(tally().recipient_count, 600u);
  EXPECT_EQ(tally().connection_count, 4u);
  EXPECT_EQ(tally().failed_count, 0u);
  EXPECT_TRUE(tally().errors.counts().empty());
  EXPECT_EQ(tally().connect.count(), 4u);
  for (const Histogram* histogram : {&tally().mail, &tally().end_of_data, &tally().message}) {
    EXPECT_EQ(histogram->count(), 200u);
    EXPECT_GT(histogram->Percentile(1), Duration::zero());
  }
  EXPECT_LE(tally().end_of_data.Percentile(50), tally().message.Percentile(50));
  EXPECT_EQ(worker_->counts().message_count.load(), 200u);
}

TEST_P(WorkerTest, SpeaksAsItIsTold) {
  options_.message_count = 20;
  for (const bool chunking : {true, false}) {
    options_.chunking = chunking;
    for (const bool pipelining : {true, false}) {
      options_.pipelining = pipelining;
      server_.data_count = server_.chunk_count = server_.pipelined_count = 0;
      mails_.clear();
      ASSERT_TRUE(Run());
      EXPECT_EQ(server_.data_count, chunking ? 0u : 20u);
      EXPECT_EQ(server_.chunk_count, chunking ? 20u : 0u);
      EXPECT_EQ(server_.pipelined_count > 0, pipelining);
    }
  }
}

TEST_P(WorkerTest, MakesANewConnectionWhenOneHasBroughtItsShare) {
  options_.message_count = 30;
  options_.messages_per_connection = 7;
  size_t most = 0;
  server_.answer = [&most](std::string_view, SimServer::Connection& connection) {
    most = std::max(most, connection.message_count);
    return "";
  };
  ASSERT_TRUE(Run());
  EXPECT_EQ(most, 7u);
  EXPECT_EQ(tally().message_count, 30u);
  EXPECT_EQ(tally().connection_count, server_.connection_count);
  EXPECT_EQ(server_.quit_count, server_.connection_count) << "it leaves politely";

  options_.messages_per_connection = 1;
  mails_.clear();
  ASSERT_TRUE(Run());
  EXPECT_EQ(tally().connection_count, 30u);
  EXPECT_EQ(tally().connect.count(), 30u);
}

TEST_P(WorkerTest, KeepsToTheServersOwnLimit) {
  server_.offers = "250-sim\r\n250 LIMITS MAILMAX=3";
  options_.message_count = 30;
  ASSERT_TRUE(Run());
  EXPECT_EQ(tally().message_count, 30u);
  EXPECT_GE(tally().connection_count, 10u);
}

// A server that ends connections after five messages, as it likes: none of the load's messages fails for that.
TEST_P(WorkerTest, GoesOnElsewhereWhenAKeptConnectionEnds) {
  for (const char* farewell : {"!", "421 4.7.0 enough", "503 5.5.1 only five"}) {
    server_.answer = [farewell](std::string_view line, SimServer::Connection& connection) {
      return connection.message_count >= 5 && absl::StartsWith(line, "MAIL") ? farewell : "";
    };
    server_.offers = "250 sim";
    options_.message_count = 60;
    mails_.clear();
    server_.messages.clear();
    ASSERT_TRUE(Run());
    EXPECT_EQ(tally().message_count, 60u) << farewell;
    EXPECT_EQ(tally().failed_count, 0u) << farewell;
    EXPECT_EQ(MessageIds().size(), 60u);
    EXPECT_GE(tally().connection_count, 12u);
  }
}

TEST_P(WorkerTest, CountsRefusalsByReply) {
  size_t rcpt_count = 0;
  server_.answer = [&rcpt_count](std::string_view line, SimServer::Connection&) {
    if (!absl::StartsWith(line, "RCPT")) return "";
    return ++rcpt_count % 3 == 0 ? "452 4.3.1 no room" : "";
  };
  options_.message_count = 90;
  ASSERT_TRUE(Run());
  EXPECT_EQ(tally().message_count, 60u);
  EXPECT_EQ(tally().failed_count, 30u);
  ASSERT_EQ(tally().errors.counts().size(), 1u);
  EXPECT_EQ(tally().errors.counts().find("452 4.3.1 no room")->second, 30u);
  EXPECT_EQ(tally().message.count(), 60u) << "a refusal is no latency";
}

TEST_P(WorkerTest, DoesNotHammerAServerThatIsNotThere) {
  options_.address = *SocketAddress::Parse("127.0.0.1:1");
  options_.duration = milliseconds(2500);
  ASSERT_TRUE(Run());
  EXPECT_EQ(tally().message_count, 0u);
  EXPECT_EQ(tally().failed_count, 12u) << "three tries on each connection";
  EXPECT_EQ(tally().failed_connection_count, 12u);
  EXPECT_EQ(tally().errors.counts().begin()->first, "cannot connect: connection refused");
}

TEST_P(WorkerTest, DoesNotWaitForEverForASilentServer) {
  Stall(milliseconds(1), seconds(100));
  options_.message_count = 4;
  options_.timeout = seconds(2);
  ASSERT_TRUE(Run());
  EXPECT_EQ(tally().failed_count, 4u);
  EXPECT_TRUE(absl::StartsWith(tally().errors.counts().begin()->first, "timed out waiting"));
}

TEST_P(WorkerTest, InAnOpenLoopKeepsItsRate) {
  options_.rate = 200;
  options_.duration = seconds(2);
  options_.connection_count = 20;
  ASSERT_TRUE(Run());
  EXPECT_EQ(tally().message_count, 400u);
  EXPECT_EQ(tally().unsent_count, 0u);
  // In every tenth of a second twenty were due, and a few of them are answered in the next one.
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_NEAR(static_cast<double>(tally().timeline.slots().at(i).message_count), 20, 12) << i;
  }
}

// The same server, which stalls for half a second, under both loads.
TEST_P(WorkerTest, AStallIsSeenByAllWhoWouldHaveMetItInAnOpenLoopAlone) {
  Stall(seconds(1), milliseconds(500));
  options_.duration = seconds(2);
  ASSERT_TRUE(Run());
  EXPECT_GE(tally().message.max(), milliseconds(490)) << "the four that met it";
  EXPECT_LE(tally().message.Percentile(99), milliseconds(100)) << "and are nothing among so many";

  options_.rate = 200;
  mails_.clear();
  ASSERT_TRUE(Run());
  EXPECT_EQ(tally().message_count, 400u) << "all that were due";
  // A hundred of them were due during the stall: a quarter of all, evenly from 0 to 500 ms late.
  for (const Histogram* histogram : {&tally().message, &tally().mail, &tally().end_of_data}) {
    EXPECT_GE(histogram->Percentile(99), milliseconds(450));
    EXPECT_GE(histogram->Percentile(90), milliseconds(250));
    EXPECT_LE(histogram->Percentile(50), milliseconds(100));
  }
}

TEST_P(WorkerTest, WhatWasNeverBegunCountsToo) {
  options_.rate = 1000;
  options_.duration = seconds(1);
  options_.connection_count = 1;
  Stall(milliseconds(100), milliseconds(1200));
  ASSERT_TRUE(Run());
  EXPECT_EQ(tally().message_count + tally().unsent_count, 1000u);
  EXPECT_GE(tally().unsent_count, 890u);
  EXPECT_EQ(tally().message.count(), 1000u);
  EXPECT_GE(tally().message.Percentile(90), milliseconds(750));
}

TEST_P(WorkerTest, TheWarmUpDoesNotCount) {
  options_.rate = 100;
  options_.warm_up = seconds(1);
  options_.duration = seconds(1);
  ASSERT_TRUE(Run());
  EXPECT_EQ(server_.messages.size(), 200u);
  EXPECT_EQ(tally().message_count, 100u);
  EXPECT_EQ(tally().message.count(), 100u);
  EXPECT_EQ(tally().connect.count(), 0u) << "they were made in the warm-up";

  options_.rate = 0;
  options_.duration = Duration::zero();
  options_.message_count = 50;
  mails_.clear();
  ASSERT_TRUE(Run());
  EXPECT_EQ(tally().message_count, 50u);
}

TEST_P(WorkerTest, SendsAMixWhole) {
  options_.mix = *Mix::Parse("1k:5,40k:4,300k:1");
  options_.message_count = 60;
  for (const bool chunking : {true, false}) {
    options_.chunking = chunking;
    options_.connection_count = 1;
    server_.messages.clear();
    mails_.clear();
    ASSERT_TRUE(Run());
    uint64_t size = 0;
    std::set<size_t> sizes;
    for (const std::string& message : server_.messages) {
      sizes.insert(message.size());
      size += message.size();
    }
    EXPECT_EQ(sizes, (std::set<size_t>{1 << 10, 40 << 10, 300 << 10}));
    EXPECT_EQ(tally().byte_count, size);
    EXPECT_EQ(tally().end_of_data.count(), 60u);
  }
}

TEST_P(WorkerTest, HoldsIdleConnectionsToTheEnd) {
  options_.idle_count = 250;
  options_.message_count = 10;
  MakeWorker();
  ASSERT_TRUE(Until([this] { return worker_->idle().settled(); }));
  EXPECT_EQ(worker_->idle().held_count(), 250u);
  EXPECT_EQ(server_.open_count(), 250u);
  server_.HangUpOnOne();
  BeginLoad();
  ASSERT_TRUE(Until([this] { return worker_->done(); }));
  EXPECT_EQ(worker_->idle_held_count(), 249u);
  EXPECT_EQ(tally().message_count, 10u);
  EXPECT_EQ(tally().connection_count, 4u) << "they are none of the load's";
  ASSERT_TRUE(Until([this] { return server_.open_count() == 0; }));
}

TEST_P(WorkerTest, IdleConnectionsThatAreNotWelcomeAreLost) {
  server_.answer = [](std::string_view line, SimServer::Connection&) { return line.empty() ? "421 no" : ""; };
  options_.idle_count = 150;
  MakeWorker();
  ASSERT_TRUE(Until([this] { return worker_->idle().settled(); }));
  EXPECT_EQ(worker_->idle().held_count(), 0u);
  EXPECT_EQ(worker_->idle().lost_count(), 150u);
  plan_->Stop();
  EXPECT_TRUE(Until([this] { return worker_->done(); }));
}

TEST_P(WorkerTest, EndsWhenItIsStoppedAndAtOnceWhenAborted) {
  options_.duration = seconds(100);
  MakeWorker();
  BeginLoad();
  ASSERT_TRUE(Until([this] { return server_.messages.size() > 10; }));
  plan_->Stop();
  ASSERT_TRUE(Until([this] { return worker_->done(); }));
  EXPECT_EQ(tally().message_count, server_.messages.size()) << "what was under way was finished";

  mails_.clear();
  Stall(milliseconds(100), seconds(100));
  MakeWorker();
  BeginLoad();
  ASSERT_TRUE(Until([&] { return world_.clock().Monotonic() >= plan_->start() + milliseconds(500); }));
  plan_->Stop();
  const MonotonicTime aborted_at = world_.clock().Monotonic();
  worker_->Abort();
  ASSERT_TRUE(Until([this] { return worker_->done(); }));
  EXPECT_LT(world_.clock().Monotonic(), aborted_at + seconds(1));
  EXPECT_EQ(tally().failed_count, 4u);
}

INSTANTIATE_TEST_SUITE_P(Simulated, WorkerTest, testing::Range<uint64_t>(1, 6), WorldName);

TEST(ShareOf, SharesOutEvenly) {
  EXPECT_EQ(ShareOf(10, 3, 0), 4u);
  EXPECT_EQ(ShareOf(10, 3, 1), 3u);
  EXPECT_EQ(ShareOf(10, 3, 2), 3u);
  EXPECT_EQ(ShareOf(0, 3, 0), 0u);
}

}  // namespace
}  // namespace postern
