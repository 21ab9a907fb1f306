#include "smtp/hop_counter.h"

#include "absl/strings/ascii.h"

namespace postern {

void HopCounter::UpdateHeaders(std::string_view bytes) {
  static constexpr std::string_view kName = "received:";
  for (size_t i = 0; i < bytes.size();) {
    if (rest_of_line_) {
      const size_t lf = bytes.find('\n', i);
      if (lf == std::string_view::npos) return;
      i = lf + 1;
      matched_size_ = 0;
      rest_of_line_ = false;
      continue;
    }
    const char byte = bytes[i];
    if (byte == '\r' && matched_size_ == 0) {
      in_body_ = true;  // the empty line
      return;
    }
    if (absl::ascii_tolower(static_cast<unsigned char>(byte)) != kName[matched_size_]) {
      rest_of_line_ = true;  // `byte` is looked at again: it may be the line's end
      continue;
    }
    ++i;
    if (++matched_size_ == kName.size()) {
      ++count_;
      rest_of_line_ = true;
    }
  }
}

}  // namespace postern
