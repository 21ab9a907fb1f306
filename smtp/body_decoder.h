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

// One byte of input makes at most so many of output: a dot and a bare CR that turn out to be text, then that byte.
inline constexpr size_t kDecodeRoomMin = 4;

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
  enum class State : uint8_t;
  struct Cell;
  static const Cell kTable[6][4];

  DecodeStatus DecodeRun(std::string_view in, std::span<char> room, DecodeStep& step);
  DecodeStatus EndChunk(std::span<char> room, DecodeStep& step);

  const BareNewline bare_newline_;
  State state_{};
  bool chunked_ = false;
  bool last_chunk_ = false;
  uint64_t chunk_size_ = 0;  // bytes of this chunk that are still to come
};

}  // namespace postern

#endif  // POSTERN_SMTP_BODY_DECODER_H_
