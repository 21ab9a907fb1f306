// Three budgets, with a million messages queued over ten thousand destinations: a decision takes at most two
// microseconds, an idle turn much less than one, and a message, deferred with a reply, at most 300 bytes of memory in
// queue index and schedule together. A benchmark that is over its budget fails.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <deque>
#include <optional>
#include <random>
#include <string>

#include "absl/log/check.h"
#include "bench/store/allocations.h"
#include "bench/store/scratch.h"
#include "benchmark/benchmark.h"
#include "relay/scheduler.h"
#include "store/outcome.h"
#include "store/queue_index.h"

namespace postern {
namespace {

constexpr uint64_t kMessageCount = 1'000'000;
constexpr uint32_t kDestinationCount = 10'000;
constexpr double kDecisionMicrosecondsMax = 2;
constexpr double kIdleTurnMicrosecondsMax = 0.5;
constexpr double kBytesPerMessageMax = 300;
constexpr WallTime kStart{1'700'000'000'000'000};

MessageId Id(uint64_t number) { return {(static_cast<uint64_t>(kStart.us) + number * 100) << 8}; }

// What this program has used of a processor: whatever else the machine does is no fault of ours.
double ProcessorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// A million decisions took `seconds`.
void NoteDecisions(benchmark::State& state, double seconds) {
  const double microseconds = seconds * 1e6 / kMessageCount;
  state.SetIterationTime(seconds);
  state.SetItemsProcessed(kMessageCount);  // of the one iteration
  state.counters["us/decision"] = microseconds;
  if (microseconds > kDecisionMicrosecondsMax) state.SkipWithError("a decision took more than two microseconds");
}

// A message's whole way: it waits for a time of its own, becomes ready, is tried and finished.
void BM_Decision(benchmark::State& state) {
  const RetryPolicy policy;
  for (auto _ : state) {
    Scheduler scheduler;
    for (uint32_t i = 0; i < kDestinationCount; ++i) scheduler.AddDestination(policy, 10);
    std::minstd_rand random(1);
    const double start = ProcessorSeconds();
    for (uint64_t i = 1; i <= kMessageCount; ++i) {
      scheduler.Add(static_cast<DestinationIndex>(random() % kDestinationCount), Id(i),
                    kStart + std::chrono::microseconds(random() % 3'600'000'000));
    }
    uint64_t decision_count = 0;
    while (const std::optional<WallTime> due = scheduler.next_due()) {
      while (const std::optional<Scheduler::Start> next = scheduler.TakeNext(*due)) {
        scheduler.FinishAttempt(next->destination, Scheduler::Finish::kAnswered, *due);
        ++decision_count;
      }
    }
    CHECK_EQ(decision_count, kMessageCount);
    NoteDecisions(state, ProcessorSeconds() - start);
  }
}
BENCHMARK(BM_Decision)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);

// All are ready at once, as after a start, and a thousand attempts are under way.
void BM_DecisionAllReady(benchmark::State& state) {
  const RetryPolicy policy;
  constexpr size_t kUnderWayCount = 1'000;
  for (auto _ : state) {
    Scheduler scheduler;
    for (uint32_t i = 0; i < kDestinationCount; ++i) scheduler.AddDestination(policy, 10);
    std::minstd_rand random(1);
    const double start = ProcessorSeconds();
    for (uint64_t i = 1; i <= kMessageCount; ++i) {
      scheduler.Add(static_cast<DestinationIndex>(random() % kDestinationCount), Id(i), WallTime{});
    }
    std::deque<DestinationIndex> under_way;
    for (uint64_t decision_count = 0; decision_count < kMessageCount;) {
      const std::optional<Scheduler::Start> next = scheduler.TakeNext(kStart);
      if (next.has_value()) {
        ++decision_count;
        under_way.push_back(next->destination);
        if (under_way.size() < kUnderWayCount) continue;
      }
      CHECK(!under_way.empty());
      scheduler.FinishAttempt(under_way.front(), Scheduler::Finish::kAnswered, kStart);
      under_way.pop_front();
    }
    NoteDecisions(state, ProcessorSeconds() - start);
  }
}
BENCHMARK(BM_DecisionAllReady)->UseManualTime()->Iterations(1)->Unit(benchmark::kMillisecond);

// A turn of the relay while a million messages are ready for one host that is down.
void BM_IdleTurnBehindADeadHost(benchmark::State& state) {
  const RetryPolicy policy;
  Scheduler scheduler;
  const DestinationIndex dead = scheduler.AddDestination(policy, 10);
  for (uint64_t i = 1; i <= kMessageCount; ++i) scheduler.Add(dead, Id(i), kStart);
  CHECK(scheduler.TakeNext(kStart).has_value());
  scheduler.FinishAttempt(dead, Scheduler::Finish::kUnreachable, kStart);
  CHECK_EQ(scheduler.view(dead).ready_count, kMessageCount - 1);
  const double start = ProcessorSeconds();
  for (auto _ : state) {
    scheduler.Advance(kStart);
    CHECK(!scheduler.TakeNext(kStart).has_value());
    benchmark::DoNotOptimize(scheduler.next_due());
  }
  const double microseconds = (ProcessorSeconds() - start) * 1e6 / static_cast<double>(state.iterations());
  if (microseconds > kIdleTurnMicrosecondsMax) state.SkipWithError("an idle turn took more than half a microsecond");
}
BENCHMARK(BM_IdleTurnBehindADeadHost)->Iterations(1'000'000);

// The hostile case for memory, counted at its highest: everything deferred with a reply, the hash table just grown,
// all due at once, so that for a moment the memory of those that wait and of those that are ready is held together.
void BM_MemoryOfADeferredMessage(benchmark::State& state) {
  constexpr uint64_t kCount = 920'000;
  const std::string envelope = UsualEnvelope();
  OutcomeWriter outcome;
  outcome.Start();
  outcome.Add({.recipient = 0,
               .state = RecipientState::kDeferred,
               .attempt_count = 1,
               .next_attempt = kStart,
               .reply = "451 4.7.1 <recipient@local.example>: greylisted, try again"});
  const RetryPolicy policy;
  for (auto _ : state) {
    const uint64_t memory_before = AllocatedSize();
    QueueIndex index;
    Scheduler scheduler;
    for (uint32_t i = 0; i < kDestinationCount; ++i) scheduler.AddDestination(policy, 10);
    RecordView record;
    record.size_on_disk = 1184;
    record.message_size = 1024;
    for (uint64_t i = 1; i <= kCount; ++i) {
      record.message = Id(i);
      record.position = {static_cast<uint32_t>(1 + i / 50'000), static_cast<uint32_t>(i % 50'000 * 1184)};
      record.kind = RecordKind::kAccepted;
      record.head = envelope;
      index.Apply(record);
      record.kind = RecordKind::kOutcome;
      record.head = outcome.bytes();
      index.Apply(record);
      scheduler.Add(static_cast<DestinationIndex>(i % kDestinationCount), Id(i), kStart);
    }
    CHECK_EQ(index.message_count(), kCount);
    scheduler.Advance(kStart);
    const double bytes = static_cast<double>(AllocatedSize() - memory_before) / kCount;
    state.counters["bytes/message"] = bytes;
    if (bytes > kBytesPerMessageMax) state.SkipWithError("a queued message takes more than 300 bytes of memory");
  }
  state.SetItemsProcessed(static_cast<int64_t>(kCount) * state.iterations());
}
BENCHMARK(BM_MemoryOfADeferredMessage)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace postern
