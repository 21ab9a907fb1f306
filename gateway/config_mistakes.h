// ConfigMistakes collects what is wrong with one file, and words it alike everywhere.
//
// ReadConfig() owns one, on the main thread, and lends it to the parts that read. It keeps so many as anybody reads and
// counts no further, so a file that is nothing but mistakes costs no memory.

#ifndef POSTERN_GATEWAY_CONFIG_MISTAKES_H_
#define POSTERN_GATEWAY_CONFIG_MISTAKES_H_

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/config.h"
#include "gateway/config_text.h"
#include "gateway/toml.h"
#include "gateway/visible_text.h"

namespace postern {

class ConfigMistakes {
 public:
  explicit ConfigMistakes(std::string_view file) : file_(file) {}

  void Add(const toml::source_region& where, std::string text) {
    if (errors_.size() < kCountMax) {
      errors_.push_back({.file = file_, .line = where.begin.line, .text = std::move(text)});
    }
  }

  size_t count() const { return errors_.size(); }

  // In the order of their lines.
  std::vector<ConfigError> Take() {
    std::stable_sort(errors_.begin(), errors_.end(),
                     [](const ConfigError& a, const ConfigError& b) { return a.line < b.line; });
    return std::move(errors_);
  }

 private:
  static constexpr size_t kCountMax = 100;

  const std::string file_;
  std::vector<ConfigError> errors_;
};

inline constexpr size_t kQuotedSizeMax = 80;  // of a file's own words in a message

inline std::string Quoted(std::string_view text) { return absl::StrCat("\"", VisibleText(text, kQuotedSizeMax), "\""); }

// "; did you mean ...?", when one of `words` is near.
inline std::string DidYouMean(std::string_view word, std::span<const std::string_view> words) {
  const std::string_view near = NearestWord(word, words);
  return near.empty() ? "" : absl::StrCat("; did you mean \"", near, "\"?");
}

// A list of one may stand without its brackets.
inline const toml::node& ItemAt(const toml::node& node, size_t index) {
  return node.is_array() ? *node.as_array()->get(index) : node;
}

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONFIG_MISTAKES_H_
