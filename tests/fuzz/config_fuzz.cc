// Any text as a configuration: no crash, every mistake is one line and points into the text, and what is found good
// makes a gateway that can route.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/log/check.h"
#include "gateway/config.h"
#include "relay/route.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line_count = static_cast<size_t>(1 + std::count(text.begin(), text.end(), '\n'));
  postern::Config config;
  const std::vector<postern::ConfigError> errors = postern::ParseConfig(text, "f", config);
  for (const postern::ConfigError& error : errors) {
    CHECK(error.line >= 1 && error.line <= line_count) << error.ToString();
    CHECK(error.text.find('\n') == std::string_view::npos) << error.ToString();
  }
  if (errors.empty()) {
    CHECK(!config.listen.empty() && !config.routes.empty());
    CHECK_OK(postern::RouteTable::Create(config.routes).status());
  }
  return 0;
}
