// The relay walks over its whole queue now and then: a million messages at no more than 50 ns each, so that a round
// costs a twentieth of a second. A benchmark that is over its budget fails.

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/log/check.h"
#include "bench/store/scratch.h"
#include "benchmark/benchmark.h"
#include "core/doorbell.h"
#include "relay/log_mail_store.h"
#include "store/segment_log.h"
#include "store/store_writer.h"

namespace postern {
namespace {

constexpr uint64_t kMessageCount = 1'000'000;
constexpr size_t kBatchCount = 500;
constexpr size_t kStepCount = 4096;  // places at a time, between which the relay does other things
constexpr double kNanosecondsMax = 50;

class Nobody final : public Wakeable {
 public:
  void Wake() override {}
};

class Deaf final : public FoldListener {
 public:
  void HandleAccepted(MessageId, std::string_view, std::span<QueuedRecipient>) override {}
};

std::string EnvelopeOf(int64_t recipient_count) {
  EnvelopeWriter writer;
  writer.Start({.peer = "192.0.2.1", .helo = "client.example", .sender = "sender@client.example"});
  for (int64_t i = 0; i < recipient_count; ++i) writer.AddRecipient({.address = "recipient@local.example"});
  return std::string(writer.bytes());
}

// Puts a million messages into the log and the queue.
void Fill(StoreWriter& writer, LogMailStore& store, const std::string& envelope) {
  std::vector<Handoff> handoffs(kBatchCount);
  Deaf listener;
  for (uint64_t number = 0; number < kMessageCount;) {
    for (Handoff& handoff : handoffs) {
      handoff = {.kind = HandoffKind::kAccepted, .message = {++number << 8}, .head = envelope};
      CHECK(writer.TryPush(&handoff));
    }
    CHECK_EQ(writer.RunOnce(), kBatchCount);
    CHECK(!store.Fold(listener, 2 * kBatchCount));
  }
  CHECK_EQ(store.message_count(), kMessageCount);
}

void BM_WalkOverAMillionMessages(benchmark::State& state) {
  ScratchDirectory directory;
  auto log = SegmentLog::Open(*directory, {}, nullptr);
  CHECK(log.ok()) << log.status();
  StoreWriter writer(**log, 2 * kBatchCount);
  Nobody nobody;
  LogMailStore store({{.directory = *directory, .writer = writer}}, nobody);
  Fill(writer, store, EnvelopeOf(state.range(0)));
  double nanoseconds_min = 1e9;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    uint64_t due_count = 0;
    uint64_t cursor = 0;
    const auto visit = [&](const MailView& mail) {
      for (const QueuedRecipient& recipient : mail.recipients) {
        due_count += Waits(recipient.state) && recipient.next_attempt.us <= 0 ? 1 : 0;
      }
    };
    while (store.Walk(cursor, kStepCount, visit)) benchmark::DoNotOptimize(cursor);
    CHECK_EQ(due_count, kMessageCount * static_cast<uint64_t>(state.range(0)));
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
    nanoseconds_min = std::min(nanoseconds_min, taken.count() / kMessageCount);
  }
  state.counters["ns/message"] = nanoseconds_min;
  if (nanoseconds_min > kNanosecondsMax) state.SkipWithError("a message in the walk costs more than 50 ns");
}
BENCHMARK(BM_WalkOverAMillionMessages)->Arg(1)->Arg(3)->Iterations(20)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace postern
