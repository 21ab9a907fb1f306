#include "gateway/stall_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace postern {

void StallWatch::Add(const StepCount& steps, std::string dir, std::string who_waits) {
  watched_.push_back({.steps = &steps, .dir = std::move(dir), .who_waits = std::move(who_waits)});
}

void StallWatch::Look(MonotonicTime now) {
  for (Watched& watched : watched_) {
    const uint64_t step = watched.steps->value();
    const Duration waited = now - watched.since;
    if (step != watched.step) {
      if (std::exchange(watched.told, false)) {
        events_.Write(Event::kLowDisk,
                      {{"dir", watched.dir},
                       {"text", absl::StrCat("the disk answers again after ",
                                             std::chrono::duration_cast<std::chrono::seconds>(waited).count(), " s")}});
      }
      watched.step = step;
      watched.since = now;
    } else if (step % 2 == 1 && waited >= kStallPatience && !std::exchange(watched.told, true)) {
      events_.Write(Event::kLowDisk,
                    {{"dir", watched.dir},
                     {"text", absl::StrCat("the disk has not answered for ",
                                           std::chrono::duration_cast<std::chrono::seconds>(waited).count(),
                                           " s: ", watched.who_waits, " meanwhile")}});
    }
  }
}

}  // namespace postern
