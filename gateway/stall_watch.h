// StallWatch tells when a thread that waits for a disk has waited too long, and when it goes on.
//
// The gateway owns it, on the thread that leads; the threads that it watches know nothing of it. A disk that stalls
// returns no error that anybody could tell: whoever needs it waits, and without this line nobody would know for what.

#ifndef POSTERN_GATEWAY_STALL_WATCH_H_
#define POSTERN_GATEWAY_STALL_WATCH_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/step_count.h"
#include "gateway/events.h"

namespace postern {

// A step that takes longer is told of. The largest batch takes a slow disk less.
inline constexpr Duration kStallPatience = std::chrono::seconds(5);

class StallWatch {
 public:
  explicit StallWatch(EventLog& events) : events_(events) {}

  // `dir` is what the thread writes, `who_waits` ends the sentence about it. `steps` is lent and outlives the watch.
  void Add(const StepCount& steps, std::string dir, std::string who_waits);
  // To be called again and again, some times in kStallPatience.
  void Look(MonotonicTime now);

 private:
  struct Watched {
    const StepCount* steps;
    std::string dir;
    std::string who_waits;
    uint64_t step = 0;
    MonotonicTime since{};  // when `step` was seen first
    bool told = false;
  };

  EventLog& events_;
  std::vector<Watched> watched_;
};

}  // namespace postern

#endif  // POSTERN_GATEWAY_STALL_WATCH_H_
