// The line scanner, with any input in any pieces, finds the lines that a naive reading of the whole input finds. The
// first byte chooses the pieces; the rest is what the peer says.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/log/check.h"
#include "tests/smtp/naive.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr size_t kLineSizeMax = 32;  // short, so that too long is easily reached
  const auto expected = postern::NaiveScan(input, kLineSizeMax);
  CHECK(postern::ScanInPieces(input, kLineSizeMax, kLineSizeMax, postern::Random(data[0], 40)) == expected);
  CHECK(postern::ScanInPieces(input, kLineSizeMax, kLineSizeMax + data[0], postern::Always(1)) == expected);
  CHECK(postern::ScanInPieces(input, kLineSizeMax, 4096, postern::Whole()) == expected);
  return 0;
}
