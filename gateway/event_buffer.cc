#include "gateway/event_buffer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace postern {
namespace {

// Between two batches: long enough that a busy gateway makes few writes, short enough for a person who looks on.
constexpr std::chrono::milliseconds kBatchPause(5);

}  // namespace

void EventBuffer::Put(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (lines_.size() + line.size() > kSizeMax) {
    ++dropped_count_;
    return;
  }
  const bool was_empty = lines_.empty();
  lines_ += line;
  if (was_empty) changed_.notify_one();
}

void EventBuffer::Flush() {
  const std::lock_guard write_lock(write_mutex_);
  batch_.clear();
  uint64_t dropped_count = 0;
  {
    const std::lock_guard lock(mutex_);
    batch_.swap(lines_);
    dropped_count = std::exchange(dropped_count_, 0);
  }
  const size_t lines_size = batch_.size();
  if (dropped_count > 0) absl::StrAppend(&batch_, "postern: ", dropped_count, " event lines were dropped\n");
  if (batch_.empty() || writer_(batch_)) return;
  const auto lines_end = batch_.begin() + static_cast<std::ptrdiff_t>(lines_size);
  const std::lock_guard lock(mutex_);
  dropped_count_ += dropped_count + static_cast<uint64_t>(std::count(batch_.begin(), lines_end, '\n'));
}

void EventBuffer::Run(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_acquire)) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !lines_.empty() || stop.load(std::memory_order_acquire); });
      changed_.wait_for(lock, kBatchPause, [&] { return stop.load(std::memory_order_acquire); });
    }
    Flush();
  }
  Flush();
}

}  // namespace postern
