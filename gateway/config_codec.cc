#include "gateway/config_codec.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "gateway/config_text.h"
#include "gateway/visible_text.h"

namespace postern {

std::string TomlString(std::string_view text) { return absl::StrCat("\"", VisibleText(text), "\""); }

Codec<bool> Flag() {
  return {
      .type = "true or false",
      .read =
          [](const toml::node& node, bool& value, Complain complain) {
            const toml::value<bool>* flag = node.as_boolean();
            if (flag == nullptr) return complain(node, "", "must be true or false, without quotes");
            value = flag->get();
          },
      .show = [](const bool& value) { return std::string(value ? "true" : "false"); },
  };
}

Codec<uint32_t> Count(uint32_t min, uint32_t max) {
  const std::string type = absl::StrCat("integer, ", min, " to ", max);
  return {
      .type = type,
      .read =
          [min, max](const toml::node& node, uint32_t& value, Complain complain) {
            const toml::value<int64_t>* number = node.as_integer();
            if (number == nullptr || number->get() < min || number->get() > max) {
              return complain(node, "", absl::StrCat("must be an integer from ", min, " to ", max));
            }
            value = static_cast<uint32_t>(number->get());
          },
      .show = [](const uint32_t& value) { return absl::StrCat(value); },
  };
}

Codec<uint64_t> Size(uint64_t min, uint64_t max) {
  const std::string range = absl::StrCat(FormatSize(min), " to ", FormatSize(max));
  return {
      .type = absl::StrCat("size, ", range),
      .read =
          [min, max, range](const toml::node& node, uint64_t& value, Complain complain) {
            std::optional<uint64_t> size;
            if (const toml::value<int64_t>* number = node.as_integer(); number != nullptr && number->get() >= 0) {
              size = static_cast<uint64_t>(number->get());
            } else if (const toml::value<std::string>* text = node.as_string()) {
              size = ParseSize(text->get());
            }
            if (!size.has_value() || *size < min || *size > max) {
              return complain(node, "",
                              absl::StrCat("must be an integer of bytes or a text with KiB, MiB or GiB, as \"50MiB\", ",
                                           "from ", range));
            }
            value = *size;
          },
      .show =
          [](const uint64_t& value) {
            const std::string text = FormatSize(value);
            return text.back() == 'B' ? TomlString(text) : text;
          },
  };
}

Codec<Duration> Time(Duration min, Duration max) {
  const std::string range = absl::StrCat(FormatDuration(min), " to ", FormatDuration(max));
  return {
      .type = absl::StrCat("duration, ", range),
      .read =
          [min, max, range](const toml::node& node, Duration& value, Complain complain) {
            const toml::value<std::string>* text = node.as_string();
            const std::optional<Duration> duration = text == nullptr ? std::nullopt : ParseDuration(text->get());
            if (!duration.has_value() || *duration < min || *duration > max) {
              return complain(node, text == nullptr ? "" : text->get(),
                              absl::StrCat("must be a text of a whole number with its unit, as \"250ms\", \"30s\", ",
                                           "\"15m\", \"4h\" or \"2d\", from ", range));
            }
            value = *duration;
          },
      .show = [](const Duration& value) { return TomlString(FormatDuration(value)); },
  };
}

}  // namespace postern
