// A codec is how one kind of value stands in a configuration: read with its mistakes told, shown as TOML.
//
// Codecs are made while the table of keys is built and never change. What they complain about is told in the words of
// the person who wrote the file: what the value must be, not what we found.

#ifndef POSTERN_GATEWAY_CONFIG_CODEC_H_
#define POSTERN_GATEWAY_CONFIG_CODEC_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/clock.h"
#include "gateway/toml.h"

namespace postern {

// Takes what is wrong at `node`: "must be ..."; `value` is the text that is wrong, empty when the node says enough.
using Complain = absl::FunctionRef<void(const toml::node& node, std::string_view value, std::string_view what)>;

template <typename V>
struct Codec {
  std::string type;  // for people: "duration, 1ms to 7d"
  std::function<void(const toml::node& node, V& value, Complain complain)> read;
  std::function<std::string(const V& value)> show;
};

// `text` as a TOML string.
std::string TomlString(std::string_view text);

Codec<bool> Flag();
Codec<uint32_t> Count(uint32_t min, uint32_t max);
Codec<uint64_t> Size(uint64_t min, uint64_t max);  // bytes
Codec<Duration> Time(Duration min, Duration max);

// A text that `read` turns into a value; an error's message says what would be right.
template <typename V>
Codec<V> Text(std::string_view type, std::function<absl::StatusOr<V>(std::string_view text)> read,
              std::function<std::string(const V&)> show) {
  return {
      .type = std::string(type),
      .read =
          [read = std::move(read)](const toml::node& node, V& value, Complain complain) {
            const toml::value<std::string>* text = node.as_string();
            if (text == nullptr) return complain(node, "", "must be a string in quotes");
            absl::StatusOr<V> result = read(text->get());
            if (!result.ok()) return complain(node, text->get(), result.status().message());
            value = *std::move(result);
          },
      .show = [show = std::move(show)](const V& value) { return TomlString(show(value)); },
  };
}

// One of a few words.
template <typename V>
Codec<V> Choice(std::vector<std::pair<std::string_view, V>> words) {
  std::string list;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view link = i == 0 ? "" : i + 1 == words.size() ? " or " : ", ";
    absl::StrAppend(&list, link, TomlString(words[i].first));
  }
  return Text<V>(
      list,
      [words, list](std::string_view text) -> absl::StatusOr<V> {
        for (const auto& [word, value] : words) {
          if (word == text) return value;
        }
        return absl::InvalidArgumentError(absl::StrCat("must be ", list));
      },
      [words](const V& value) {
        for (const auto& [word, known] : words) {
          if (known == value) return std::string(word);
        }
        return std::string();
      });
}

// At least `count_min` of them; one alone needs no brackets.
template <typename V>
Codec<std::vector<V>> ListOf(Codec<V> element, size_t count_min) {
  return {
      .type = absl::StrCat("list of ", element.type),
      .read =
          [element, count_min](const toml::node& node, std::vector<V>& values, Complain complain) {
            std::vector<V> result;
            if (const toml::array* array = node.as_array()) {
              if (array->size() < count_min) complain(node, "", absl::StrCat("must name at least ", count_min));
              for (const toml::node& item : *array) element.read(item, result.emplace_back(), complain);
            } else if (node.is_string()) {
              element.read(node, result.emplace_back(), complain);
            } else {
              complain(node, "", absl::StrCat("must be a ", "list of ", element.type));
            }
            values = std::move(result);
          },
      .show =
          [element](const std::vector<V>& values) {
            std::string list;
            for (const V& value : values) absl::StrAppend(&list, list.empty() ? "" : ", ", element.show(value));
            return absl::StrCat("[", list, "]");
          },
  };
}

}  // namespace postern

#endif  // POSTERN_GATEWAY_CONFIG_CODEC_H_
