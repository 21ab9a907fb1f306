#include "bench/load/report_text.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/quantity.h"

namespace postern {
namespace {

constexpr size_t kErrorCountTold = 10;

void AppendRow(std::string& out, std::string_view name, std::string_view text) {
  absl::StrAppendFormat(&out, "%-12s  %s\n", name, text);
}

std::string Messages(const LoadReport& report) {
  const Tally& tally = report.tally;
  std::string text = absl::StrCat(CountText(tally.message_count), " taken, ", CountText(tally.failed_count), " failed");
  if (tally.unsent_count > 0) absl::StrAppend(&text, ", ", CountText(tally.unsent_count), " never begun");
  return absl::StrCat(text, ", in ", DurationText(report.window()));
}

std::string Connections(const LoadReport& report) {
  const Tally& tally = report.tally;
  std::string text = absl::StrCat(CountText(tally.connection_count), " made, warm-up included");
  if (tally.failed_connection_count > 0) {
    absl::StrAppend(&text, ", ", CountText(tally.failed_connection_count), " failed");
  }
  if (report.options.idle_count > 0) {
    absl::StrAppend(&text, "; idle: ", CountText(report.idle_held_count), " held to the end, ",
                    CountText(report.idle_lost_count), " lost");
  }
  return text;
}

void AppendLatencies(const Tally& tally, std::string& out) {
  absl::StrAppendFormat(&out, "\n%-12s %10s %10s %10s %10s %10s %10s\n", "latency", "p50", "p90", "p99", "p99.9", "max",
                        "count");
  for (const LatencyRow& row : kLatencyRows) {
    const Histogram& histogram = tally.*row.histogram;
    if (histogram.count() == 0) continue;
    absl::StrAppendFormat(&out, "%-12s", row.name);
    for (const double percent : {50.0, 90.0, 99.0, 99.9}) {
      absl::StrAppendFormat(&out, " %10s", DurationText(histogram.Percentile(percent)));
    }
    absl::StrAppendFormat(&out, " %10s %10s\n", DurationText(histogram.max()), CountText(histogram.count()));
  }
}

std::string PerMessage(Duration cpu, uint64_t message_count) {
  if (message_count == 0) return "";
  return absl::StrCat(", ", DurationText(cpu / static_cast<int64_t>(message_count)), " a message");
}

std::string ShareOfCore(Duration cpu, Duration window) {
  if (window <= Duration::zero()) return "";
  return absl::StrFormat(", %.0f %% of a core", 100 * Seconds(cpu) / Seconds(window));
}

void AppendUsage(const LoadReport& report, std::string& out) {
  const uint64_t count = report.tally.message_count;
  if (report.server_cpu) {
    AppendRow(out, "server",
              absl::StrCat("CPU ", DurationText(*report.server_cpu), PerMessage(*report.server_cpu, count),
                           ShareOfCore(*report.server_cpu, report.window()), "; ",
                           SizeText(static_cast<double>(report.server_resident_size_max)), " resident at most, ",
                           report.server_process_count, report.server_process_count == 1 ? " process" : " processes"));
  } else if (report.options.pid != 0) {
    AppendRow(out, "server", absl::StrCat("there is no process ", report.options.pid));
  }
  const size_t threads = report.options.thread_count;
  AppendRow(out, "generator",
            absl::StrCat("CPU ", DurationText(report.generator_cpu), PerMessage(report.generator_cpu, count),
                         absl::StrFormat(", %.0f %% of ", 100 * report.generator_share()),
                         threads == 1 ? "its thread" : absl::StrCat("its ", threads, " threads")));
  if (report.generator_share() > kGeneratorShareMax) {
    out += "              It had no time to spare: the server may take more. Give it --threads, or other processors.\n";
  }
}

void AppendErrors(const Tally& tally, std::string& out) {
  std::vector<std::pair<uint64_t, std::string_view>> errors;
  for (const auto& [text, count] : tally.errors.counts()) errors.emplace_back(count, text);
  if (errors.empty()) return;
  std::sort(errors.begin(), errors.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  out += "\nrefused or failed\n";
  for (size_t i = 0; i < std::min(errors.size(), kErrorCountTold); ++i) {
    absl::StrAppendFormat(&out, "%12s  %s\n", CountText(errors[i].first), errors[i].second);
  }
  if (errors.size() > kErrorCountTold) {
    absl::StrAppend(&out, "              and ", errors.size() - kErrorCountTold, " other kinds; --json tells all\n");
  }
}

}  // namespace

std::string ReportText(const LoadReport& report) {
  std::string out = absl::StrCat(report.options.target, ": ", report.greeting, "\n", Summary(report.options), "\n\n");
  if (report.interrupted) out += "Interrupted: this is what was seen until then.\n";
  AppendRow(out, "messages", Messages(report));
  AppendRow(out, "throughput",
            absl::StrCat(NumberText(report.messages_per_second()), " messages/s, ", SizeText(report.bytes_per_second()),
                         "/s"));
  AppendRow(out, "connections", Connections(report));
  AppendLatencies(report.tally, out);
  out += "\n";
  AppendUsage(report, out);
  AppendErrors(report.tally, out);
  return out;
}

std::string ProgressLine(const Progress& now, const Progress& before) {
  const double seconds = std::max(Seconds(now.time - before.time), 1e-9);
  const auto rate = [seconds](uint64_t late, uint64_t early) { return static_cast<double>(late - early) / seconds; };
  return absl::StrFormat("%5.0f s %10s messages/s %10s/s %12s taken %8s failed", Seconds(now.time),
                         NumberText(rate(now.message_count, before.message_count)),
                         SizeText(rate(now.byte_count, before.byte_count)), CountText(now.message_count),
                         CountText(now.failed_count));
}

}  // namespace postern
