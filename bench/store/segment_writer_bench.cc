// What the disk takes: batches of 1 KB messages, each batch one write and one sync, into a file in its later life and
// in its first, when it is filled with zeros a piece ahead. Set TMPDIR to choose the disk.

#include <memory>
#include <string>

#include "absl/log/check.h"
#include "bench/store/scratch.h"
#include "benchmark/benchmark.h"
#include "core/limits.h"
#include "store/segment_writer.h"

namespace postern {
namespace {

constexpr size_t kBodySize = 1024;

void AppendAndSync(benchmark::State& state, bool first_life) {
  ScratchDirectory directory;
  const std::string envelope = UsualEnvelope();
  const std::string body(kBodySize, 'x');
  RecordView record;
  record.kind = RecordKind::kAccepted;
  record.message = {1};
  record.head = envelope;
  record.body = body;
  record.message_size = kBodySize;

  uint32_t number = 0;
  std::unique_ptr<SegmentWriter> writer;
  const auto roll = [&] {
    if (writer == nullptr || first_life)
      CHECK((*directory).Create("segment" + std::to_string(++number), kSegmentSizeDefault).ok());
    writer = std::make_unique<SegmentWriter>(*(*directory).OpenForWrite("segment" + std::to_string(number)), number,
                                             kSegmentSizeDefault, !first_life);
  };
  roll();
  if (!first_life) {  // give it a life before
    SegmentWriter zeros(*(*directory).OpenForWrite("segment1"), 1, kSegmentSizeDefault, false);
    while (zeros.HasRoom(RecordSize(record))) {
      record.body_checksum = Checksum(record.body);
      if (zeros.batch_full()) CHECK(zeros.Flush().ok());
      zeros.Append(record);
    }
    CHECK(zeros.Flush().ok() && zeros.Sync().ok());
  }
  const auto batch_count = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    if (!writer->HasRoom(batch_count * RecordSize(record))) {
      state.PauseTiming();
      roll();
      state.ResumeTiming();
    }
    for (size_t i = 0; i < batch_count; ++i) {
      record.body_checksum = Checksum(record.body);
      writer->Append(record);
    }
    if (!writer->Flush().ok() || !writer->Sync().ok()) {
      state.SkipWithError("the disk has failed");
      break;
    }
  }
  const auto message_count = state.iterations() * state.range(0);
  state.SetItemsProcessed(message_count);
  state.SetBytesProcessed(message_count * static_cast<int64_t>(RecordSize(record)));
}

void BM_AppendAndSync(benchmark::State& state) { AppendAndSync(state, false); }
BENCHMARK(BM_AppendAndSync)->Arg(1)->Arg(10)->Arg(50)->UseRealTime();

void BM_AppendAndSyncInANewFile(benchmark::State& state) { AppendAndSync(state, true); }
BENCHMARK(BM_AppendAndSyncInANewFile)->Arg(1)->Arg(10)->Arg(50)->UseRealTime();

}  // namespace
}  // namespace postern
