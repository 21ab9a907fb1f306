// LineScanner finds command lines in a RingBuffer.
//
// One conversation owns it, on that conversation's reactor thread. It remembers how far it has looked, so a byte is
// looked at once, however the input was cut into packets. A line ends with CR LF and with nothing else: one that is
// wrong is told once, as soon as that is certain, and the rest of it is swallowed up to its CR LF, so that what hides
// behind a bare CR or LF is never run as a command.

#ifndef POSTERN_SMTP_LINE_SCANNER_H_
#define POSTERN_SMTP_LINE_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/limits.h"
#include "core/ring_buffer.h"

namespace postern {

enum class LineStatus : uint8_t {
  kLine,      // `text` is a whole line, its CR LF taken off; any other byte may be in it, NUL too
  kNeedMore,  // no line end yet
  kTooLong,   // line_size_max bytes without an end
  kBareCr,    // a CR without LF (RFC 5321 2.3.8 forbids it): the peer is confused or hostile
  kBareLf,
};

struct ScannedLine {
  LineStatus status = LineStatus::kNeedMore;
  std::string_view text{};  // points into the ring: gone when the ring is written to, or at the next Next()
};

class LineScanner {
 public:
  // `line_size_max` counts the CR LF, and is at most the ring's capacity.
  explicit LineScanner(size_t line_size_max = kCommandLineSizeMax) : line_size_max_(line_size_max) {}

  // The next line of `ring`, or why there is none. Consumes what it returns, and what it swallows.
  ScannedLine Next(RingBuffer& ring);

  // Another conversation begins: nothing was looked at.
  void Reset();

 private:
  ScannedLine Scan(std::string_view text);
  // False when the end of the wrong line has not come yet.
  bool Swallow(RingBuffer& ring);

  const size_t line_size_max_;
  size_t scanned_size_ = 0;  // bytes from the ring's head known to hold no line end
  bool swallowing_ = false;  // the rest of a line that was told to be wrong
  bool after_cr_ = false;    // the last byte swallowed was a CR
};

}  // namespace postern

#endif  // POSTERN_SMTP_LINE_SCANNER_H_
