#include "bench/load/report.h"

#include <algorithm>

namespace postern {
namespace {

// Whole slots of the timeline: what happened in a part of one is not known.
Duration WholeSlots(Duration planned) { return planned / Timeline::kSlot * Timeline::kSlot; }

double PerSecond(uint64_t count, Duration window) {
  return window > Duration::zero() ? static_cast<double>(count) / Seconds(window) : 0;
}

Timeline::Slot Finished(const LoadReport& report) {
  const Timeline& timeline = report.tally.timeline;
  if (WholeSlots(report.planned) > Duration::zero()) return timeline.SumUntil(report.window());
  Timeline::Slot sum;
  for (const Timeline::Slot& slot : timeline.slots()) sum += slot;
  return sum;
}

}  // namespace

double Seconds(Duration duration) { return static_cast<double>(duration.count()) / 1e9; }

Duration LoadReport::window() const {
  const Duration whole = WholeSlots(planned);
  return whole > Duration::zero() ? whole : tally.timeline.last();
}

double LoadReport::messages_per_second() const { return PerSecond(Finished(*this).message_count, window()); }

double LoadReport::bytes_per_second() const { return PerSecond(Finished(*this).byte_count, window()); }

double LoadReport::generator_share() const {
  const double available = Seconds(window()) * static_cast<double>(options.thread_count);
  return available > 0 ? std::min(1.0, Seconds(generator_cpu) / available) : 0;
}

}  // namespace postern
