// CompactText is a short text that seldom exists: one pointer, and one allocation when there is one.
//
// It is a plain value that moves; the queue index holds one for every queued message, and pays for the few only that
// have a reply to remember.

#ifndef POSTERN_STORE_COMPACT_TEXT_H_
#define POSTERN_STORE_COMPACT_TEXT_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace postern {

class CompactText {
 public:
  static constexpr size_t kSizeMax = UINT16_MAX;

  // Cuts what is longer than kSizeMax.
  void Set(std::string_view text) {
    text = text.substr(0, kSizeMax);
    if (text.empty()) return bytes_.reset();
    const auto size = static_cast<uint16_t>(text.size());
    bytes_ = std::make_unique_for_overwrite<char[]>(sizeof size + text.size());
    std::memcpy(bytes_.get(), &size, sizeof size);
    std::memcpy(bytes_.get() + sizeof size, text.data(), text.size());
  }

  std::string_view view() const {
    if (bytes_ == nullptr) return {};
    uint16_t size = 0;
    std::memcpy(&size, bytes_.get(), sizeof size);
    return {bytes_.get() + sizeof size, size};
  }

 private:
  std::unique_ptr<char[]> bytes_;  // the size, then the text
};

}  // namespace postern

#endif  // POSTERN_STORE_COMPACT_TEXT_H_
