// What the ground floor costs a message: the ring that its bytes pass, the queue that its handoff passes, the block it
// fills.

#include <array>
#include <cstring>
#include <vector>

#include "bench/counted.h"
#include "benchmark/benchmark.h"
#include "core/block_pool.h"
#include "core/bounded_queue.h"
#include "core/doorbell.h"
#include "core/envelope.h"
#include "core/message.h"
#include "core/ring_buffer.h"
#include "core/work_slot.h"

namespace postern {
namespace {

// Bytes in by packets of `range(0)`, out by lines of 80.
void BM_RingBuffer(benchmark::State& state) {
  std::vector<char> memory(kBlockSize);
  RingBuffer ring(memory);
  const std::vector<char> packet(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    std::span<char> span = ring.WritableSpan();
    const size_t count = std::min(span.size(), packet.size());
    std::memcpy(span.data(), packet.data(), count);
    ring.Commit(count);
    while (ring.size() >= 80) {
      benchmark::DoNotOptimize(ring.Peek().data());
      ring.Consume(80);
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RingBuffer)->Arg(40)->Arg(1460)->Arg(16384);

// One thread pushes and pops: the price of the atomics without a fight for them.
void BM_QueuePushPop(benchmark::State& state) {
  BoundedQueue<void*> queue(1024);
  void* value = &queue;
  for (auto _ : state) {
    benchmark::DoNotOptimize(queue.TryPush(value));
    benchmark::DoNotOptimize(queue.TryPop(value));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_QueuePushPop)->Apply(Counted);

// The hostile case: all threads fight for both ends.
void BM_QueueContended(benchmark::State& state) {
  static BoundedQueue<int> queue(1024);
  int value = 0;
  for (auto _ : state) {
    if (queue.TryPush(value)) queue.TryPop(value);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_QueueContended)->Threads(2)->Threads(4)->UseRealTime();

void BM_WakeOfOneWhoIsAwake(benchmark::State& state) {
  ThreadDoorbell bell;
  for (auto _ : state) bell.Wake();
}
BENCHMARK(BM_WakeOfOneWhoIsAwake)->Apply(Counted);

// What it costs a thread to say what it works on, with a peer and without: some twenty times for a message.
void BM_WorkScope(benchmark::State& state) {
  WorkSlot slot;
  const WorkPeer peer("192.0.2.1:25");
  for (auto _ : state) {
    const WorkScope scope(&slot, WorkStage::kTalking, MessageId{7}, state.range(0) != 0 ? &peer : nullptr);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_WorkScope)->Arg(0)->Arg(1);

void BM_BlockPool(benchmark::State& state) {
  BlockPool pool(16);
  for (auto _ : state) {
    Block* block = pool.TryTake();
    benchmark::DoNotOptimize(block);
    pool.Give(block);
  }
}
BENCHMARK(BM_BlockPool)->Apply(Counted);

// An envelope of `range(0)` recipients, written into a string that is used again.
void BM_EnvelopeWrite(benchmark::State& state) {
  EnvelopeWriter writer;
  for (auto _ : state) {
    writer.Start({.peer = "192.0.2.1", .helo = "client.example", .sender = "sender@client.example"});
    for (int64_t i = 0; i < state.range(0); ++i) writer.AddRecipient({.address = "recipient@local.example"});
    benchmark::DoNotOptimize(writer.bytes().data());
  }
}
BENCHMARK(BM_EnvelopeWrite)->Apply(Counted)->Arg(1)->Arg(100);

void BM_EnvelopeParse(benchmark::State& state) {
  EnvelopeWriter writer;
  writer.Start({.peer = "192.0.2.1", .helo = "client.example", .sender = "sender@client.example"});
  for (int64_t i = 0; i < state.range(0); ++i) writer.AddRecipient({.address = "recipient@local.example"});
  for (auto _ : state) benchmark::DoNotOptimize(ParseEnvelope(writer.bytes()));
}
BENCHMARK(BM_EnvelopeParse)->Apply(Counted)->Arg(1)->Arg(100);

}  // namespace
}  // namespace postern
