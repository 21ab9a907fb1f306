// Two budgets: a million queued messages are recovered in five seconds, and each costs at most 200 bytes of memory. A
// benchmark that is over its budget fails.

#include <chrono>
#include <memory>
#include <string>

#include "absl/log/check.h"
#include "bench/store/allocations.h"
#include "bench/store/scratch.h"
#include "benchmark/benchmark.h"
#include "core/limits.h"
#include "store/log_reader.h"
#include "store/outcome.h"
#include "store/queue_index.h"
#include "store/segment_log.h"
#include "store/segment_writer.h"

namespace postern {
namespace {

constexpr uint64_t kMessageCount = 1'000'000;
constexpr double kSecondsMax = 5;
constexpr double kBytesPerMessageMax = 200;
constexpr size_t kBodySize = 1024;

MessageId Id(uint64_t number) { return {(1'700'000'000'000'000 + number * 100) << 8}; }

// A log as a crash leaves it: full segments, and a last one without its seal.
void WriteLog(Directory& directory) {
  const std::string envelope = UsualEnvelope();
  const std::string body(kBodySize, 'x');
  RecordView record;
  record.kind = RecordKind::kAccepted;
  record.head = envelope;
  record.body = body;
  record.body_checksum = Checksum(body);
  record.message_size = kBodySize;
  std::unique_ptr<SegmentWriter> writer;
  uint32_t segment = 0;
  uint64_t sequence = 0;
  for (uint64_t i = 1; i <= kMessageCount; ++i) {
    if (writer != nullptr && !writer->HasRoom(RecordSize(record))) {
      writer->AppendSeal(++sequence);
      CHECK(writer->Flush().ok());
      writer.reset();
    }
    if (writer == nullptr) {
      absl::StatusOr<std::unique_ptr<File>> file = directory.Create(SegmentName(++segment), kSegmentSizeDefault);
      CHECK(file.ok()) << file.status();
      writer = std::make_unique<SegmentWriter>(*std::move(file), segment, kSegmentSizeDefault, true);
    }
    record.message = Id(i);
    record.sequence = ++sequence;
    writer->Append(record);
    if (writer->batch_full()) CHECK(writer->Flush().ok());
  }
  CHECK(writer->Flush().ok());
}

void BM_RecoverAMillionMessages(benchmark::State& state) {
  ScratchDirectory directory;
  WriteLog(*directory);
  for (auto _ : state) {
    const uint64_t memory_before = AllocatedSize();
    const auto start = std::chrono::steady_clock::now();
    RecoveryReport report;
    auto log = SegmentLog::Open(*directory, {}, &report);
    CHECK(log.ok()) << log.status();
    QueueIndex index;
    {
      LogReader reader(*directory, nullptr);
      while (const auto record = reader.Next((*log)->durable())) index.Apply(*record);
      CHECK_EQ(reader.report().damage_count, 0u);
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    CHECK_EQ(index.message_count(), kMessageCount);
    log->reset();
    const double bytes = static_cast<double>(AllocatedSize() - memory_before) / kMessageCount;
    state.SetIterationTime(seconds.count());
    state.counters["bytes/message"] = bytes;
    if (seconds.count() > kSecondsMax) state.SkipWithError("a million messages took more than five seconds");
    if (bytes > kBytesPerMessageMax) state.SkipWithError("a queued message takes more than 200 bytes of memory");
  }
  state.SetItemsProcessed(static_cast<int64_t>(kMessageCount) * state.iterations());
}
BENCHMARK(BM_RecoverAMillionMessages)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);

// The hostile case for memory: a hash table that has just grown, and every message deferred with a reply.
void BM_IndexDeferred(benchmark::State& state) {
  constexpr uint64_t kCount = 920'000;
  const std::string envelope = UsualEnvelope();
  OutcomeWriter outcome;
  outcome.Start();
  outcome.Add({.recipient = 0,
               .state = RecipientState::kDeferred,
               .attempt_count = 1,
               .next_attempt = {1'700'000'000'000'000},
               .reply = "451 4.7.1 <recipient@local.example>: greylisted, try again"});
  for (auto _ : state) {
    const uint64_t memory_before = AllocatedSize();
    QueueIndex index;
    RecordView record;
    record.size_on_disk = 1184;
    record.message_size = kBodySize;
    for (uint64_t i = 1; i <= kCount; ++i) {
      record.message = Id(i);
      record.position = {static_cast<uint32_t>(1 + i / 50'000), static_cast<uint32_t>(i % 50'000 * 1184)};
      record.kind = RecordKind::kAccepted;
      record.head = envelope;
      index.Apply(record);
      record.kind = RecordKind::kOutcome;
      record.head = outcome.bytes();
      index.Apply(record);
    }
    CHECK_EQ(index.message_count(), kCount);
    const double bytes = static_cast<double>(AllocatedSize() - memory_before) / kCount;
    state.counters["bytes/message"] = bytes;
    if (bytes > kBytesPerMessageMax) state.SkipWithError("a deferred message takes more than 200 bytes of memory");
  }
  state.SetItemsProcessed(static_cast<int64_t>(kCount) * state.iterations());
}
BENCHMARK(BM_IndexDeferred)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace postern
