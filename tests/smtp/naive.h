// Naive readings of lines and bodies: what the scanner and the decoder must agree with, written to be seen right.
//
// Tests and fuzz targets own what they return, on their one thread. Each reads all of its input at once, byte by byte;
// ScanInPieces() and the Decode functions beside them put the same input through the real thing, cut as they are told.

#ifndef POSTERN_TESTS_SMTP_NAIVE_H_
#define POSTERN_TESTS_SMTP_NAIVE_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/body_decoder.h"
#include "smtp/line_scanner.h"

namespace postern {

struct LineEvent {
  LineStatus status;
  std::string text;

  friend bool operator==(const LineEvent&, const LineEvent&) = default;
};

struct Body {
  DecodeStatus status = DecodeStatus::kNeedInput;
  size_t consumed = 0;
  std::string text{};

  // A refused message has no text, and how much of it was seen does not matter.
  friend bool operator==(const Body& a, const Body& b) {
    return a.status == b.status &&
           (a.status == DecodeStatus::kBareNewline || (a.consumed == b.consumed && a.text == b.text));
  }
};

// The size of the next piece, at least 1.
using Cut = std::function<size_t()>;

Cut Whole();
Cut Always(size_t size);
Cut Random(uint32_t seed, size_t size_max);

std::vector<LineEvent> NaiveScan(std::string_view input, size_t line_size_max);
std::vector<LineEvent> ScanInPieces(std::string_view input, size_t line_size_max, size_t ring_size, const Cut& cut);

Body NaiveDecodeData(std::string_view input, BareNewline bare_newline);
Body DecodeDataInPieces(std::string_view input, BareNewline bare_newline, const Cut& cut, const Cut& room_size);

// `input` cut into chunks by `chunk_size`, the last one with LAST.
Body NaiveDecodeChunks(std::string_view input, BareNewline bare_newline);
Body DecodeChunksInPieces(std::string_view input, BareNewline bare_newline, const Cut& chunk_size, const Cut& cut,
                          const Cut& room_size);

}  // namespace postern

#endif  // POSTERN_TESTS_SMTP_NAIVE_H_
