// ReturnedPart measures what a report returns of a message: how many of its first bytes, and what they hold.
//
// Whoever makes a report owns one while he reads the message for the first time, on his own thread. It keeps nothing of
// what it has seen: with its answers the report is composed, and the bytes are copied when the message is read again.

#ifndef POSTERN_SMTP_RETURNED_PART_H_
#define POSTERN_SMTP_RETURNED_PART_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "smtp/dsn.h"

namespace postern {

class ReturnedPart {
 public:
  // A longer header is cut at the end of a line. Real ones are a few KiB, some lists of recipients more.
  static constexpr size_t kHeaderSizeMax = 64 * 1024;

  // `boundary` is what will divide the parts of the report.
  ReturnedPart(ReturnedContent content, std::string boundary) : content_(content), boundary_(std::move(boundary)) {}

  // The next piece of the message. False when nothing that follows it matters.
  bool Look(std::string_view piece);

  // After the last piece that matters: the bytes to return, from the first one on.
  uint64_t size() const { return content_ == ReturnedContent::kHeader && header_ended_ ? header_size_ : seen_size_; }
  bool eight_bit() const { return content_ == ReturnedContent::kHeader ? header_eight_bit_ : eight_bit_; }
  bool header_eight_bit() const { return header_eight_bit_; }
  // The message was made to be taken for the parts of its own report: it must not be returned.
  bool holds_boundary() const { return holds_boundary_; }

 private:
  void LookForBoundary(std::string_view piece);
  void LookAtHeader(std::string_view piece);

  const ReturnedContent content_;
  const std::string boundary_;
  std::string last_;           // the bytes before the next piece that a boundary may have begun in
  uint64_t seen_size_ = 0;     // bytes
  uint64_t header_size_ = 0;   // whole lines of the header, without the empty one that ends it
  uint64_t line_size_ = 0;     // of the header's line that is still coming
  bool line_has_cr_ = false;   // that line starts with a CR
  bool header_ended_ = false;  // its empty line has come, or it is too long
  bool header_eight_bit_ = false;
  bool eight_bit_ = false;
  bool holds_boundary_ = false;
};

}  // namespace postern

#endif  // POSTERN_SMTP_RETURNED_PART_H_
