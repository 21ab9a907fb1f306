#include "smtp/body_decoder.h"

#include <algorithm>

#include "absl/log/check.h"

namespace postern {
namespace {

using enum BodyState;

enum ByteClass : uint8_t { kCrByte, kLfByte, kDotByte, kOtherByte };

ByteClass ClassOf(char byte, bool dots_matter) {
  switch (byte) {
    case '\r': return kCrByte;
    case '\n': return kLfByte;
    case '.': return dots_matter ? kDotByte : kOtherByte;
    default: return kOtherByte;
  }
}

// What a byte leads to: `output` is written, then the byte itself when it is `kept`. In a `bare` cell a newline turns
// out to be bare: that is a refusal, or, when they are repaired, what the cell says.
struct Cell {
  BodyState next;
  std::string_view output;
  bool kept;
  bool bare;
};

constexpr Cell Keep(BodyState next) { return {next, {}, true, false}; }
constexpr Cell Hold(BodyState next) { return {next, {}, false, false}; }
constexpr Cell Mend(std::string_view output, BodyState next) { return {next, output, false, true}; }
constexpr Cell MendAndKeep(std::string_view output) { return {kText, output, true, true}; }

// clang-format off
constexpr Cell kTable[][4] = {
    // state             CR                            LF                   '.'                  any other
    /* kLineStart   */ {Keep(kCr),                    Mend("\r\n", kText), Hold(kDot),          Keep(kText)},
    /* kText        */ {Keep(kCr),                    Mend("\r\n", kText), Keep(kText),         Keep(kText)},
    /* kCr          */ {Mend("\n\r", kCrAfterBare),   Keep(kLineStart),    MendAndKeep("\n"),   MendAndKeep("\n")},
    /* kDot         */ {Hold(kDotCr),                 Mend("\r\n", kText), Keep(kText),         Keep(kText)},
    /* kDotCr       */ {Mend("\r\n\r", kCrAfterBare), Hold(kEnded),        MendAndKeep("\r\n"), MendAndKeep("\r\n")},
    /* kCrAfterBare */ {Mend("\n\r", kCrAfterBare),   Keep(kText),         MendAndKeep("\n"),   MendAndKeep("\n")},
};
// clang-format on

// Finds the first CR or LF, by two of the library's searches for one byte. The CR is remembered, so that a text of bare
// LFs is not searched to its end once for each of them.
class NewlineFinder {
 public:
  explicit NewlineFinder(std::string_view text) : text_(text), cr_(FindCr(0)) {}

  // The index of the first one at or behind `start`, or the text's size. `start` never goes back.
  size_t Next(size_t start) {
    if (cr_ < start) cr_ = FindCr(start);
    const size_t lf = text_.substr(0, cr_).find('\n', start);
    return std::min(lf, cr_);
  }

 private:
  size_t FindCr(size_t start) const { return std::min(text_.find('\r', start), text_.size()); }

  const std::string_view text_;
  size_t cr_;  // the text's size when there is none
};

// Where, from `start` on, a byte comes that needs a look at the table. Line ends with no dot behind them do not: a run
// of whole lines is one run.
size_t FindRunEnd(std::string_view text, size_t start, bool dots_matter, NewlineFinder& newlines) {
  for (size_t i = start;;) {
    i = newlines.Next(i);
    if (i + 2 >= text.size() || text[i] != '\r' || text[i + 1] != '\n') return i;
    if (text[i + 2] == '.' && dots_matter) return i;
    i += 2;
  }
}

}  // namespace

void BodyDecoder::StartData() {
  state_ = kLineStart;
  chunked_ = false;
}

void BodyDecoder::StartChunks() {
  state_ = kLineStart;
  chunked_ = true;
  chunk_size_ = 0;
}

void BodyDecoder::StartChunk(uint64_t size, bool last) {
  DCHECK(at_chunk_end());
  chunk_size_ = size;
  last_chunk_ = last;
}

DecodeStep BodyDecoder::Decode(RingBuffer& in, std::span<char> room) {
  DecodeStep total;
  while (total.status == DecodeStatus::kNeedInput && !at_chunk_end() && !in.empty()) {
    std::string_view text = in.Peek();
    if (chunked_) text = text.substr(0, chunk_size_);
    const DecodeStep step = DecodePiece(text, room.subspan(total.produced));
    in.Consume(step.consumed);
    if (chunked_) chunk_size_ -= step.consumed;
    total.status = step.status;
    total.consumed += step.consumed;
    total.produced += step.produced;
  }
  if (total.status == DecodeStatus::kNeedInput && at_chunk_end()) {
    total.status = EndChunk(room.subspan(total.produced), total.produced);
  }
  return total;
}

DecodeStep BodyDecoder::DecodePiece(std::string_view text, std::span<char> room) {
  DCHECK(state_ != kEnded) << "nothing was started";
  if (room.size() < kDecodeRoomMin) return {DecodeStatus::kNeedRoom};
  text = text.substr(0, room.size());  // what is beyond cannot be taken now, so it is not looked at
  const bool dots_matter = !chunked_;
  NewlineFinder newlines(text);
  size_t consumed = 0;
  size_t produced = 0;
  const auto step = [&](DecodeStatus status) { return DecodeStep{status, consumed, produced}; };
  const auto write = [&](std::string_view bytes) { produced += bytes.copy(room.data() + produced, bytes.size()); };

  while (consumed < text.size()) {
    const size_t room_size = room.size() - produced;
    if (room_size < kDecodeRoomMin) return step(DecodeStatus::kNeedRoom);
    const ByteClass byte_class = ClassOf(text[consumed], dots_matter);
    if (state_ == kText || (state_ == kLineStart && byte_class != kDotByte)) {
      const size_t run_end = FindRunEnd(text, consumed, dots_matter, newlines);
      if (run_end > consumed) {
        const std::string_view run = text.substr(consumed, std::min(run_end - consumed, room_size));
        write(run);
        consumed += run.size();
        state_ = run.back() == '\n' ? kLineStart : run.back() == '\r' ? kCr : kText;
        continue;
      }
    }
    const Cell& cell = kTable[static_cast<size_t>(state_)][byte_class];
    if (cell.bare && bare_newline_ == BareNewline::kReject) return step(DecodeStatus::kBareNewline);
    write(cell.output);
    if (cell.kept) write(text.substr(consumed, 1));
    ++consumed;
    state_ = cell.next;
    if (state_ == kEnded) return step(DecodeStatus::kEnd);
  }
  return step(DecodeStatus::kNeedInput);
}

DecodeStatus BodyDecoder::EndChunk(std::span<char> room, size_t& produced) {
  const bool bare = last_chunk_ && (state_ == kCr || state_ == kCrAfterBare);
  if (!bare) return DecodeStatus::kEnd;
  if (bare_newline_ == BareNewline::kReject) return DecodeStatus::kBareNewline;
  if (room.empty()) return DecodeStatus::kNeedRoom;
  room.front() = '\n';
  ++produced;
  state_ = kText;
  return DecodeStatus::kEnd;
}

}  // namespace postern
