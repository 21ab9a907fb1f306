// LoadReport is the result of a load: what was asked, what was seen, and what it took.
//
// A plain value that the run makes at its end. How it is told is others' business: report_text, report_json and
// report_html.

#ifndef POSTERN_BENCH_LOAD_REPORT_H_
#define POSTERN_BENCH_LOAD_REPORT_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "bench/load/histogram.h"
#include "bench/load/options.h"
#include "bench/load/tally.h"
#include "core/clock.h"

namespace postern {

struct LoadReport {
  LoadOptions options;
  std::string greeting;  // the server's first line
  WallTime began;
  bool interrupted = false;
  Tally tally;
  Duration planned{0};  // how long messages were to count; 0 when something else has ended the load

  size_t idle_held_count = 0;
  size_t idle_lost_count = 0;

  // While messages counted.
  Duration generator_cpu{0};
  std::optional<Duration> server_cpu;
  uint64_t server_resident_size_max = 0;  // bytes
  size_t server_process_count = 0;

  // The measured time: as planned, or until the last message was finished.
  Duration window() const;
  // Of what was finished within it.
  double messages_per_second() const;
  double bytes_per_second() const;
  // How much of its threads' time the generator has used, 0 to 1.
  double generator_share() const;
  bool all_taken() const { return tally.failed_count == 0 && tally.unsent_count == 0 && tally.message_count > 0; }
};

// The rows that are told of latency.
struct LatencyRow {
  const char* name;
  const char* key;  // for programs
  const Histogram Tally::*histogram;
};
inline constexpr std::array<LatencyRow, 4> kLatencyRows = {{
    {"connect", "connect", &Tally::connect},
    {"MAIL", "mail", &Tally::mail},
    {"end of data", "end_of_data", &Tally::end_of_data},
    {"message", "message", &Tally::message},
}};

// Above this share the generator may well have been what was measured.
inline constexpr double kGeneratorShareMax = 0.9;

double Seconds(Duration duration);

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_REPORT_H_
