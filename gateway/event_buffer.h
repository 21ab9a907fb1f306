// EventBuffer stands between those who tell events and the terminal, pipe or file that takes them: nobody waits for it.
//
// `postern serve` owns it. Put() may be called on any thread and never blocks; a thread of its own runs Run(). When the
// reader does not keep up, lines are dropped, counted, and the count is told when it reads again.

#ifndef POSTERN_GATEWAY_EVENT_BUFFER_H_
#define POSTERN_GATEWAY_EVENT_BUFFER_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace postern {

class EventBuffer {
 public:
  // Writes bytes of whole lines; false when the reader takes no more for now. Called by one thread at a time.
  using Writer = std::function<bool(std::string_view)>;

  static constexpr size_t kSizeMax = 1024 * 1024;  // some 5,000 lines

  explicit EventBuffer(Writer writer) : writer_(std::move(writer)) {}

  void Put(std::string_view line);
  // Writes all that is there, on the caller's thread; for lines that must be out before something else happens.
  void Flush();
  // Writes what comes, a batch every few milliseconds, until `stop`. Wake() after setting that.
  void Run(const std::atomic<bool>& stop);
  void Wake() {
    const std::lock_guard lock(mutex_);  // so that no one is between his last look and his sleep
    changed_.notify_one();
  }

 private:
  const Writer writer_;
  std::mutex write_mutex_;  // taken before mutex_: whole batches, in order
  std::string batch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string lines_;
  uint64_t dropped_count_ = 0;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_EVENT_BUFFER_H_
