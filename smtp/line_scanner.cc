#include "smtp/line_scanner.h"

namespace postern {

void LineScanner::Reset() {
  scanned_size_ = 0;
  swallowing_ = false;
  after_cr_ = false;
}

ScannedLine LineScanner::Next(RingBuffer& ring) {
  if (swallowing_ && !Swallow(ring)) return {};
  for (;;) {
    const ScannedLine line = Scan(ring.Peek().substr(0, line_size_max_));
    if (line.status == LineStatus::kLine) {
      ring.Consume(line.text.size() + 2);
      scanned_size_ = 0;
      return line;
    }
    if (line.status != LineStatus::kNeedMore) {
      scanned_size_ = 0;
      swallowing_ = true;
      Swallow(ring);
      return line;
    }
    // A line that lies across the end of the memory is made one run; not while a receive is under way, but then its
    // result brings us here again.
    if (!ring.wrapped() || !ring.TryStraighten()) return line;
  }
}

ScannedLine LineScanner::Scan(std::string_view text) {
  // A library's search for one byte is wider than ours for two would be, and the second one looks at this line only.
  const size_t cr = text.find('\r', scanned_size_);
  if (text.substr(0, cr).find('\n', scanned_size_) != std::string_view::npos) return {LineStatus::kBareLf};
  scanned_size_ = cr == std::string_view::npos ? text.size() : cr;
  if (scanned_size_ + 1 < text.size()) {
    if (text[cr + 1] != '\n') return {LineStatus::kBareCr};
    return {LineStatus::kLine, text.substr(0, cr)};
  }
  // With a CR as its last byte the line is too long as well, whatever follows.
  return {text.size() == line_size_max_ ? LineStatus::kTooLong : LineStatus::kNeedMore};
}

bool LineScanner::Swallow(RingBuffer& ring) {
  while (!ring.empty()) {
    const std::string_view text = ring.Peek();
    const bool ends_here = after_cr_ && text.front() == '\n';
    const size_t crlf = text.find("\r\n");
    after_cr_ = text.back() == '\r';
    if (ends_here || crlf != std::string_view::npos) {
      ring.Consume(ends_here ? 1 : crlf + 2);
      swallowing_ = false;
      after_cr_ = false;
      return true;
    }
    ring.Consume(text.size());
  }
  return false;
}

}  // namespace postern
