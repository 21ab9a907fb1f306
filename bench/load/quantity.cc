#include "bench/load/quantity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace postern {
namespace {

// Takes the unit off the end of `text`; what a thing of that unit counts.
template <size_t kCount>
double TakeUnit(std::string_view& text, const std::pair<std::string_view, double> (&units)[kCount], double without) {
  for (const auto& [unit, factor] : units) {
    if (!absl::EndsWithIgnoreCase(text, unit)) continue;
    text.remove_suffix(unit.size());
    return factor;
  }
  return without;
}

// Digits and at most one point: no sign, no exponent, no "nan".
std::optional<double> ParseNumber(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
  double number = 0;
  if (!plain || !absl::SimpleAtod(text, &number)) return std::nullopt;
  return number;
}

}  // namespace

std::optional<uint64_t> ParseSize(std::string_view text) {
  constexpr double kUnit = 1024;
  constexpr double kSizeMax = 1e15;
  const std::pair<std::string_view, double> units[] = {
      {"k", kUnit}, {"m", kUnit * kUnit}, {"g", kUnit * kUnit * kUnit}};
  const double factor = TakeUnit(text, units, 1);
  const std::optional<double> number = ParseNumber(text);
  if (!number || *number * factor < 1 || *number * factor > kSizeMax) return std::nullopt;
  return static_cast<uint64_t>(*number * factor);
}

std::optional<Duration> ParseDuration(std::string_view text) {
  constexpr double kSecond = 1e9;
  constexpr double kYear = 365 * 24 * 3600 * kSecond;
  const std::pair<std::string_view, double> units[] = {
      {"ms", kSecond / 1000}, {"s", kSecond}, {"m", 60 * kSecond}, {"h", 3600 * kSecond}};
  const double factor = TakeUnit(text, units, kSecond);
  const std::optional<double> number = ParseNumber(text);
  if (!number || *number * factor > kYear) return std::nullopt;
  return Duration(std::llround(*number * factor));
}

std::string CountText(uint64_t count) {
  const std::string digits = absl::StrCat(count);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string NumberText(double number) {
  if (number >= 99.95) return CountText(static_cast<uint64_t>(std::llround(number)));
  if (number >= 9.995) return absl::StrFormat("%.1f", number);
  if (number >= 0.9995) return absl::StrFormat("%.2f", number);
  return number == 0 ? "0" : absl::StrFormat("%.3g", number);
}

std::string DurationText(Duration duration) {
  const auto ns = static_cast<double>(duration.count());
  if (ns < 999.5) return absl::StrCat(duration.count(), " ns");
  if (ns < 999.5e3) return absl::StrCat(NumberText(ns / 1e3), " us");
  if (ns < 999.5e6) return absl::StrCat(NumberText(ns / 1e6), " ms");
  return absl::StrCat(NumberText(ns / 1e9), " s");
}

std::string SizeText(double size) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; size >= 999.5 && unit + 1 < std::size(units); ++unit) size /= 1024;
  return unit == 0 ? absl::StrFormat("%.0f B", size) : absl::StrCat(NumberText(size), " ", units[unit]);
}

}  // namespace postern
