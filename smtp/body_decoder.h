// BodyDecoder takes a message's bytes out of the ring into the caller's block, and knows where they end.
//
// One conversation owns it, on that conversation's reactor thread. A byte is copied once, in runs as long as there is
// nothing to see; dots are unstuffed on the way, and only CR LF `.` CR LF ends DATA (RFC 5321 4.5.2, 2.3.8). A bare CR
// or LF ends nothing: the message is refused, or they are repaired, and a dot behind one is text like any other.

#ifndef POSTERN_SMTP_BODY_DECODER_H_
#define POSTERN_SMTP_BODY_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/ring_buffer.h"

namespace postern {

// What a bare CR or LF in a message leads to (RFC 5321 2.3.8).
enum class BareNewline : uint8_t {
  kReject,     // the decoder stops at it: what it meant is anybody's guess
  kNormalize,  // it becomes CR LF in what is stored; it is no end of data all the same
};

enum class DecodeStatus : uint8_t {
  kNeedInput,    // all of the input was taken
  kNeedRoom,     // fewer than kDecodeRoomMin bytes of room are left
  kEnd,          // the end of DATA, or of this chunk; what follows in the ring are commands
  kBareNewline,  // kReject only: stays so until the next message
};

struct DecodeStep {
  DecodeStatus status = DecodeStatus::kNeedInput;
  size_t consumed = 0;  // bytes taken from the ring
  size_t produced = 0;  // bytes written to the room
};

// One byte of input makes at most so many of output: the CR LF of a repair, and the byte itself.
inline constexpr size_t kDecodeRoomMin = 3;

// What the bytes so far are, seen from their end. The five states of a message in good order, and one behind a repair.
enum class BodyState : uint8_t {
  kLineStart,
  kText,
  kCr,           // written: an LF must follow, or is written by us
  kDot,          // at a line start, not written: it is stuffing, or the start of the end
  kDotCr,        // the CR neither
  kCrAfterBare,  // like kCr, but a bare newline was repaired just before: its CR LF starts no line for a dot to end
  kEnded,
};

class BodyDecoder {
 public:
  explicit BodyDecoder(BareNewline bare_newline) : bare_newline_(bare_newline) {}

  // DATA was answered with 354: the next byte starts a line.
  void StartData();
  // The first BDAT of a message, before its StartChunk().
  void StartChunks();
  // A BDAT of `size` bytes: they are counted, and no dot means anything (RFC 3030). What the chunk before ended with is
  // remembered: a CR there and an LF here are one line end.
  void StartChunk(uint64_t size, bool last);

  // Decodes what it can of `in` into `room`. After kEnd or kBareNewline comes a Start function.
  DecodeStep Decode(RingBuffer& in, std::span<char> room);

 private:
  DecodeStep DecodePiece(std::string_view text, std::span<char> room);
  DecodeStatus EndChunk(std::span<char> room, size_t& produced);
  bool at_chunk_end() const { return chunked_ && chunk_size_ == 0; }

  const BareNewline bare_newline_;
  BodyState state_ = BodyState::kLineStart;
  bool chunked_ = false;
  bool last_chunk_ = false;
  uint64_t chunk_size_ = 0;  // bytes of this chunk that are still to come
};

}  // namespace postern

#endif  // POSTERN_SMTP_BODY_DECODER_H_
