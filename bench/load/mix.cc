#include "bench/load/mix.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/load/quantity.h"

namespace postern {

Mix::Mix(std::vector<Part> parts) : parts_(std::move(parts)) {
  double sum = 0;
  for (const Part& part : parts_) bounds_.push_back(sum += part.weight);
}

std::optional<Mix> Mix::Parse(std::string_view text) {
  constexpr double kWeightMax = 1e9;
  std::vector<Part> parts;
  for (const std::string_view piece : absl::StrSplit(text, ',')) {
    const std::vector<std::string_view> words = absl::StrSplit(piece, ':');
    const std::optional<uint64_t> size = ParseSize(words[0]);
    double weight = 1;
    const bool weighed = words.size() == 1 || (words.size() == 2 && absl::SimpleAtod(words[1], &weight));
    if (!size || !weighed || !(weight > 0 && weight <= kWeightMax)) return std::nullopt;
    parts.push_back({*size, weight});
  }
  return Mix(std::move(parts));
}

size_t Mix::Pick(std::mt19937_64& random) const {
  if (parts_.size() == 1) return 0;
  const double chosen = std::uniform_real_distribution<double>(0, bounds_.back())(random);
  const auto place = std::upper_bound(bounds_.begin(), bounds_.end(), chosen);
  return std::min(static_cast<size_t>(place - bounds_.begin()), parts_.size() - 1);
}

std::string Mix::ToString() const {
  if (parts_.size() == 1) return SizeText(static_cast<double>(parts_[0].size));
  std::string text;
  for (const Part& part : parts_) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", SizeText(static_cast<double>(part.size)), " ",
                    NumberText(100 * part.weight / bounds_.back()), " %");
  }
  return text;
}

}  // namespace postern
