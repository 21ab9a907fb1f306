// BodySender writes a message's body as SMTP wants it: with its dots doubled and a dot behind it, or in chunks.
//
// A client conversation owns it, on that conversation's reactor thread. It is given the body piece by piece, holds one
// piece at a time, which is lent, and writes as much of it as there is room for. Either way the last line is ended, as
// the body of every mail is (RFC 5321 2.3.1), also when the stored one is not.
//
//   kDots    ..., lines with "." before each that starts with one, and in the end CR LF "." CR LF (RFC 5321 4.5.2)
//   kChunks  "BDAT 500" CR LF, 500 bytes, "BDAT 20 LAST" CR LF, 20 bytes: a chunk for each piece (RFC 3030 2)

#ifndef POSTERN_SMTP_BODY_SENDER_H_
#define POSTERN_SMTP_BODY_SENDER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/ring_buffer.h"

namespace postern {

enum class BodyForm : uint8_t { kDots, kChunks };

// As much of `bytes` as there is room for; how much that was.
size_t AppendTo(RingBuffer& out, std::string_view bytes);

class BodySender {
 public:
  // `size` bytes will be given.
  void Start(BodyForm form, uint64_t size);

  // When nothing is unwritten: the next piece, lent until Write() is done with it. The one that makes `size` bytes is
  // the last, and may be empty if there are none. False when it would be more than `size`.
  bool Give(std::string_view piece);

  // Writes to `out`; false when there was no room for all that was given.
  bool Write(RingBuffer& out);

  bool unwritten() const { return !prefix_.empty() || offset_ < piece_.size() || !suffix_.empty(); }
  // All that belongs to the body was given.
  bool complete() const { return complete_; }

 private:
  bool AtLineStart(size_t offset) const;
  bool WriteLines(RingBuffer& out);

  BodyForm form_ = BodyForm::kDots;
  uint64_t rest_size_ = 0;  // bytes that have not been given yet
  bool complete_ = false;

  std::string prefix_;  // goes before the piece: a chunk's command
  std::string_view piece_;
  size_t offset_ = 0;              // bytes of the piece that were written
  std::string suffix_;             // goes behind the last piece: the end of a line, the dot
  std::array<char, 2> tail_ = {};  // the two bytes before the piece; a body starts as if behind a line
};

}  // namespace postern

#endif  // POSTERN_SMTP_BODY_SENDER_H_
