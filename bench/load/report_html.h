// ReportHtml tells the result of a load as one page with plots, which opens without a network.
//
// A plain function, on the main thread.

#ifndef POSTERN_BENCH_LOAD_REPORT_HTML_H_
#define POSTERN_BENCH_LOAD_REPORT_HTML_H_

#include <string>

#include "bench/load/report.h"

namespace postern {

std::string ReportHtml(const LoadReport& report);

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_REPORT_HTML_H_
