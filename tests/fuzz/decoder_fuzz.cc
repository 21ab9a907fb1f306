// The body decoder, with any input in any pieces and rooms, makes what a naive reading of the whole input makes, as
// DATA and as chunks, refusing bare newlines and repairing them. The first byte chooses the pieces; the rest is the
// body.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/log/check.h"
#include "tests/smtp/naive.h"

namespace postern {
namespace {

void Check(std::string_view input, BareNewline bare_newline, uint32_t seed) {
  const Body data = NaiveDecodeData(input, bare_newline);
  CHECK(DecodeDataInPieces(input, bare_newline, Whole(), Always(input.size() + kDecodeRoomMin)) == data);
  CHECK(DecodeDataInPieces(input, bare_newline, Random(seed, 20), Random(seed + 1, 20)) == data);
  const Body chunks = NaiveDecodeChunks(input, bare_newline);
  CHECK(DecodeChunksInPieces(input, bare_newline, Random(seed, 20), Random(seed + 1, 9), Random(seed + 2, 20)) ==
        chunks);

  // Whatever was said, what is stored has only whole line ends, but for a CR whose LF may still come.
  for (const Body* const body : {&data, &chunks}) {
    if (body->status == DecodeStatus::kBareNewline) continue;
    const std::string_view text = body->text;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') CHECK(i > 0 && text[i - 1] == '\r');
      if (text[i] == '\r') CHECK(i + 1 < text.size() ? text[i + 1] == '\n' : body->status == DecodeStatus::kNeedInput);
    }
  }
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  postern::Check(input, postern::BareNewline::kReject, data[0]);
  postern::Check(input, postern::BareNewline::kNormalize, data[0]);
  return 0;
}
