// What a durable message costs in the writer: handoffs in, one write and one sync for the batch, receipts out. The CPU
// column is our own time with the system's; it must not allocate once it is warm.

#include <memory>
#include <string>
#include <vector>

#include "absl/log/check.h"
#include "bench/counted.h"
#include "bench/store/allocations.h"
#include "bench/store/scratch.h"
#include "benchmark/benchmark.h"
#include "store/store_writer.h"

namespace postern {
namespace {

constexpr size_t kBodySize = 1024;
constexpr int kWarmUpCount = 20;                    // batches
constexpr double kAllocationsPerMessageMax = 0.01;  // none, but that another segment costs a few now and then

class Nobody final : public Wakeable {
 public:
  void Wake() override {}
};

// Remembers nothing: what is left is our own work.
class VoidFile final : public File {
 public:
  absl::StatusOr<size_t> ReadAt(std::span<char>, uint64_t) override { return 0; }
  absl::Status WriteAt(std::span<const std::string_view> pieces, uint64_t) override {
    benchmark::DoNotOptimize(pieces.data());
    return absl::OkStatus();
  }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<uint64_t> Size() override { return 0; }
};

class VoidDirectory final : public Directory {
 public:
  const std::string& path() const override { return path_; }
  absl::StatusOr<std::vector<std::string>> List() override { return std::vector<std::string>(); }
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string&) override {
    return std::make_unique<VoidFile>();
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForWrite(const std::string&) override {
    return std::make_unique<VoidFile>();
  }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string&, uint64_t) override {
    return std::make_unique<VoidFile>();
  }
  absl::StatusOr<std::unique_ptr<SharedBytes>> OpenShared(const std::string&, size_t) override {
    return absl::UnimplementedError("void");
  }
  absl::Status Rename(const std::string&, const std::string&) override { return absl::OkStatus(); }
  absl::Status Remove(const std::string&) override { return absl::OkStatus(); }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<Directory>> OpenSubdirectory(const std::string&) override {
    return std::make_unique<VoidDirectory>();
  }
  absl::StatusOr<std::unique_ptr<DirectoryLock>> TryLock() override { return absl::UnimplementedError("void"); }
  absl::StatusOr<uint64_t> FreeSize() override { return 0; }
  absl::StatusOr<FileSystemInfo> FileSystem() override { return FileSystemInfo{}; }

 private:
  const std::string path_ = "void";
};

void Commit(benchmark::State& state, Directory& directory) {
  const auto batch_count = static_cast<size_t>(state.range(0));
  auto log = SegmentLog::Open(directory, {}, nullptr);
  CHECK(log.ok()) << log.status();
  StoreWriter writer(**log, 1024);
  Nobody nobody;
  ReceiptBox home(1024, nobody);
  const std::string envelope = UsualEnvelope();
  std::vector<Handoff> handoffs(batch_count);
  std::vector<std::unique_ptr<Block>> blocks;
  for (Handoff& handoff : handoffs) {
    blocks.push_back(std::make_unique<Block>());
    blocks.back()->size = kBodySize;
    handoff.kind = HandoffKind::kAccepted;
    handoff.head = envelope;
    handoff.body = blocks.back().get();
    handoff.home = &home;
  }
  uint64_t number = 0;
  const auto run = [&] {
    for (Handoff& handoff : handoffs) {
      handoff.message = {++number << 8};
      CHECK(writer.TryPush(&handoff));
    }
    writer.Wake();
    CHECK_EQ(writer.RunOnce(), batch_count);
    Handoff* receipt = nullptr;
    while (home.queue.TryPop(receipt)) CHECK(receipt->result == HandoffResult::kDurable);
    // All of it is delivered at once, so segments are used again.
    writer.SetNeededSegment(writer.durable().segment, writer.durable());
  };
  for (int i = 0; i < kWarmUpCount; ++i) run();
  const uint64_t allocations_before = AllocationCount();
  for (auto _ : state) run();
  const auto message_count = static_cast<double>(state.iterations() * state.range(0));
  const double allocations = static_cast<double>(AllocationCount() - allocations_before) / message_count;
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["allocations/message"] = allocations;
  if (allocations > kAllocationsPerMessageMax) state.SkipWithError("it allocates although it is warm");
}

void BM_Commit(benchmark::State& state) {
  ScratchDirectory directory;
  Commit(state, *directory);
}
BENCHMARK(BM_Commit)->Arg(1)->Arg(10)->Arg(50)->UseRealTime();

void BM_CommitToNowhere(benchmark::State& state) {
  VoidDirectory directory;
  Commit(state, directory);
}
BENCHMARK(BM_CommitToNowhere)->Apply(Counted)->Arg(1)->Arg(10)->Arg(50);

}  // namespace
}  // namespace postern
