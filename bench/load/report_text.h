// ReportText tells the result of a load in a screenful, for people; ProgressLine tells how it goes meanwhile.
//
// Plain functions, on the main thread.

#ifndef POSTERN_BENCH_LOAD_REPORT_TEXT_H_
#define POSTERN_BENCH_LOAD_REPORT_TEXT_H_

#include <cstdint>
#include <string>

#include "bench/load/report.h"
#include "core/clock.h"

namespace postern {

std::string ReportText(const LoadReport& report);

struct Progress {
  Duration time{0};  // since the load began
  uint64_t message_count = 0;
  uint64_t byte_count = 0;
  uint64_t failed_count = 0;
};

// "   12 s    31,204 messages/s    30.5 MiB/s    374,123 taken    0 failed", without a line end: the rates are those
// since `before`.
std::string ProgressLine(const Progress& now, const Progress& before);

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_REPORT_TEXT_H_
