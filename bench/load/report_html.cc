#include "bench/load/report_html.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/load/quantity.h"
#include "bench/load/report_text.h"
#include "bench/load/svg_plot.h"
#include "smtp/trace.h"

namespace postern {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Load report</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em; color: #222; }
pre { background: #f5f5f3; padding: 1em; overflow-x: auto; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
</style>
</head>
<body>
)";

// From the median outwards, each mark a tenth of what was still missing before: as 1 of 2, of 10, of 100 ...
constexpr double kPercents[] = {0, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.995, 99.999};
double NinesOf(double percent) { return -std::log10(1 - percent / 100); }

std::string LatencyPlot(const Tally& tally) {
  SvgPlot plot{.x_title = "percentile", .y_title = "latency", .y_logarithmic = true};
  plot.x_marks = {{0, "0"}, {NinesOf(50), "50"}, {1, "90"}, {2, "99"}, {3, "99.9"}, {4, "99.99"}, {5, "99.999"}};
  Duration shortest = Histogram::kMax;
  Duration longest{1};
  for (const LatencyRow& row : kLatencyRows) {
    const Histogram& histogram = tally.*row.histogram;
    if (histogram.count() == 0) continue;
    SvgPlot::Line line{.name = row.name, .points = {}};
    for (const double percent : kPercents) {
      // No percentile is told that not one message stands for.
      if (static_cast<double>(histogram.count()) * (1 - percent / 100) < 1 && percent > 50) break;
      const Duration latency = std::max(histogram.Percentile(percent), Duration(1));
      line.points.emplace_back(NinesOf(percent), static_cast<double>(latency.count()));
      shortest = std::min(shortest, latency);
      longest = std::max(longest, latency);
    }
    plot.lines.push_back(std::move(line));
  }
  if (plot.lines.empty()) return "<p>No message was answered.</p>\n";
  // Decades around all that is drawn.
  double decade = std::pow(10, std::floor(std::log10(static_cast<double>(shortest.count()))));
  for (bool more = true; more; decade *= 10) {
    more = decade < static_cast<double>(longest.count()) || plot.y_marks.empty();
    plot.y_marks.emplace_back(decade, DurationText(Duration(std::llround(decade))));
  }
  return plot.Draw();
}

std::string ThroughputPlot(const LoadReport& report) {
  constexpr size_t kPointCountMax = 200;
  const std::vector<Timeline::Slot>& slots = report.tally.timeline.slots();
  if (slots.empty()) return "<p>No message was finished.</p>\n";
  // A point for each slot of a short load; of a long one several slots make a point.
  const size_t step = (slots.size() + kPointCountMax - 1) / kPointCountMax;
  SvgPlot plot{.x_title = "seconds", .y_title = "messages a second"};
  SvgPlot::Line taken{.name = "taken", .points = {}};
  SvgPlot::Line failed{.name = "failed", .points = {}};
  double max = 0;
  bool any_failed = false;
  for (size_t i = 0; i < slots.size(); i += step) {
    Timeline::Slot sum;
    const size_t end = std::min(i + step, slots.size());
    for (size_t j = i; j < end; ++j) sum += slots[j];
    const double seconds = Seconds(Timeline::kSlot) * static_cast<double>(end - i);
    const double middle = Seconds(Timeline::kSlot) * static_cast<double>(i + end) / 2;
    taken.points.emplace_back(middle, static_cast<double>(sum.message_count) / seconds);
    failed.points.emplace_back(middle, static_cast<double>(sum.failed_count) / seconds);
    max = std::max({max, taken.points.back().second, failed.points.back().second});
    any_failed = any_failed || sum.failed_count > 0;
  }
  plot.x_marks = RoundMarks(Seconds(Timeline::kSlot) * static_cast<double>(slots.size()));
  plot.y_marks = RoundMarks(max);
  plot.lines = {taken};
  if (any_failed) plot.lines.push_back(failed);
  return plot.Draw();
}

}  // namespace

std::string ReportHtml(const LoadReport& report) {
  std::string page(kHead);
  absl::StrAppend(&page, "<h1>Load on ", EscapeMarkup(report.options.target), "</h1>\n<p>");
  AppendDate(report.began, page);
  // Line by line: what a server says may be anything, and a line end of ours is to stay one.
  page += "</p>\n<pre>";
  const std::string text = ReportText(report);
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    absl::StrAppend(&page, EscapeMarkup(std::string_view(text).substr(start, end - start)), "\n");
    start = end + 1;
  }
  absl::StrAppend(&page, "</pre>\n<h2>Latency by percentile</h2>\n", LatencyPlot(report.tally),
                  "<h2>Throughput over time</h2>\n", ThroughputPlot(report),
                  "<p><code>load --help</code> tells how to read this.</p>\n</body>\n</html>\n");
  return page;
}

}  // namespace postern
