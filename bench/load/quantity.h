// Quantities as people write and read them: "24k", "1m", "500ms", and "1.23 ms", "31,150", "2.5 MiB".
//
// Plain functions without state, on any thread.

#ifndef POSTERN_BENCH_LOAD_QUANTITY_H_
#define POSTERN_BENCH_LOAD_QUANTITY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace postern {

// Bytes: a number, and "k" for KiB, "m" for MiB or "g" for GiB behind it. Above 0.
std::optional<uint64_t> ParseSize(std::string_view text);
// A number, and "ms", "s", "m" or "h" behind it; without a unit it is seconds. Not below 0, and at most a year.
std::optional<Duration> ParseDuration(std::string_view text);

std::string CountText(uint64_t count);        // "1,204"
std::string NumberText(double number);        // three digits at least: "0.0123", "1.23", "31,150"
std::string DurationText(Duration duration);  // "812 ns", "81.2 us", "1.23 ms", "4.56 s"
std::string SizeText(double size);            // "640 B", "24.0 KiB", "2.50 MiB"

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_QUANTITY_H_
