// StoreWriterWorld is a writer with its log on a simulated disk, and a queue index that follows it.

#ifndef POSTERN_TESTS_STORE_STORE_WRITER_WORLD_H_
#define POSTERN_TESTS_STORE_STORE_WRITER_WORLD_H_

#include <cstdint>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "store/log_reader.h"
#include "store/queue_index.h"
#include "store/segment_log.h"
#include "store/store_writer.h"
#include "tests/sim/sim_disk.h"
#include "tests/store/store_fixture.h"

namespace postern {

inline constexpr SegmentLogOptions kWriterOptions{
    .segment_size = 128 * 1024, .segment_size_min = 8192, .spare_count_max = 2};

class StoreWriterWorld : public testing::Test {
 protected:
  StoreWriterWorld() { Open(); }

  void Open() {
    driver_.reset();
    writer_.reset();
    log_.reset();
    directory_ = *disk_.Open("log");
    log_ = *SegmentLog::Open(*directory_, kWriterOptions, nullptr);
    writer_ = std::make_unique<StoreWriter>(*log_, 256, &follower_);
    driver_ = std::make_unique<WriterDriver>(*writer_);
    reader_ = std::make_unique<LogReader>(*directory_, nullptr);
    index_ = std::make_unique<QueueIndex>();
  }
  void Follow() {
    while (const auto record = reader_->Next(log_->durable())) index_->Apply(*record);
  }
  std::string Stored(uint64_t number) {
    Follow();
    const QueuedMessage* queued = index_->Find(Id(number));
    if (queued == nullptr) return "not there";
    const auto body = ReadBody(*directory_, queued->position());
    return body.ok() ? *body : body.status().ToString();
  }
  void Release() {
    Follow();
    writer_->SetNeededSegment(index_->oldest_needed_segment(log_->durable()), log_->durable());
    driver_->Run();
  }
  // Fills the head until another segment is begun.
  void Roll() {
    const uint32_t segment = log_->durable().segment;
    while (log_->durable().segment == segment) {
      ++filler_;
      driver_->Accept(Id(filler_), Body(filler_, 20'000));
      driver_->Run();
      driver_->Outcome(Id(filler_), EncodeOutcome(0, RecipientState::kDelivered));
      driver_->Run();
    }
  }

  SimDisk disk_;
  CountingWakeable follower_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<StoreWriter> writer_;
  std::unique_ptr<WriterDriver> driver_;
  std::unique_ptr<LogReader> reader_;
  std::unique_ptr<QueueIndex> index_;
  uint64_t filler_ = 1'000'000;
};

}  // namespace postern

#endif  // POSTERN_TESTS_STORE_STORE_WRITER_WORLD_H_
