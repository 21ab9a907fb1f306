// How a configuration writes durations and sizes, and which word somebody may have meant.
//
// Plain functions without state, usable on any thread. What one function writes, its sibling reads.

#ifndef POSTERN_GATEWAY_CONFIG_TEXT_H_
#define POSTERN_GATEWAY_CONFIG_TEXT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace postern {

// "250ms", "1s", "15m", "4h", "2d": one whole number and its unit. Nothing when it is no duration, or one of centuries.
std::optional<Duration> ParseDuration(std::string_view text);
std::string FormatDuration(Duration duration);  // in the largest unit that divides it

// "4096", "64KiB", "50MiB", "2GiB"; nothing when it is no size, or more than 64 bits hold.
std::optional<uint64_t> ParseSize(std::string_view text);
std::string FormatSize(uint64_t size);  // in the largest unit that divides it

// The one of `words` that is nearest to `word` by its letters; empty when none is near.
std::string_view NearestWord(std::string_view word, std::span<const std::string_view> words);

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONFIG_TEXT_H_
