// ReportJson tells the result of a load to programs.
//
// A plain function, on the main thread. Names say their units; what is not known is left out.

#ifndef POSTERN_BENCH_LOAD_REPORT_JSON_H_
#define POSTERN_BENCH_LOAD_REPORT_JSON_H_

#include <string>

#include "bench/load/report.h"

namespace postern {

// An object, and a line end.
std::string ReportJson(const LoadReport& report);

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_REPORT_JSON_H_
