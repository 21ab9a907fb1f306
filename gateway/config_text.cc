#include "gateway/config_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "absl/strings/str_cat.h"

namespace postern {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};
constexpr std::array<Unit, 5> kDurationUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};  // milliseconds
constexpr std::array<Unit, 4> kSizeUnits = {{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}};

// A whole number and one of `units`, multiplied; nothing beyond `max`.
std::optional<uint64_t> ParseWithUnit(std::string_view text, std::span<const Unit> units, uint64_t max) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(end - text.data());
  const auto unit = std::find_if(units.begin(), units.end(), [text](const Unit& u) { return u.name == text; });
  if (unit == units.end() || number > max / unit->factor) return std::nullopt;
  return number * unit->factor;
}

std::string FormatWithUnit(uint64_t number, std::span<const Unit> units) {
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [number](const Unit& u) { return number > 0 && number % u.factor == 0; });
  if (unit == units.end()) return absl::StrCat(number, units.back().name);
  return absl::StrCat(number / unit->factor, unit->name);
}

// How many letters must be inserted, removed, replaced or swapped with their neighbour.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> distance(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      size_t& here = distance[i][j];
      if (i == 0 || j == 0) {
        here = i + j;
        continue;
      }
      here = std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1,
                       distance[i - 1][j - 1] + static_cast<size_t>(a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        here = std::min(here, distance[i - 2][j - 2] + 1);
      }
    }
  }
  return distance[a.size()][b.size()];
}

}  // namespace

std::optional<Duration> ParseDuration(std::string_view text) {
  constexpr uint64_t kMillisecondsMax = 100ull * 365 * 86'400'000;  // a century: far from where nanoseconds overflow
  const std::optional<uint64_t> milliseconds = ParseWithUnit(text, kDurationUnits, kMillisecondsMax);
  if (!milliseconds.has_value()) return std::nullopt;
  return std::chrono::milliseconds(*milliseconds);
}

std::string FormatDuration(Duration duration) {
  return FormatWithUnit(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count(), kDurationUnits);
}

std::optional<uint64_t> ParseSize(std::string_view text) { return ParseWithUnit(text, kSizeUnits, UINT64_MAX); }

std::string FormatSize(uint64_t size) { return FormatWithUnit(size, kSizeUnits); }

std::string_view NearestWord(std::string_view word, std::span<const std::string_view> words) {
  constexpr size_t kWordSizeMax = 64;  // nobody means one of ours by more
  if (word.size() > kWordSizeMax) return {};
  std::string_view nearest;
  size_t nearest_distance = word.size() / 3 + 2;  // further off is another word
  for (const std::string_view candidate : words) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < nearest_distance && distance < candidate.size()) {
      nearest = candidate;
      nearest_distance = distance;
    }
  }
  return nearest;
}

}  // namespace postern
