#include "smtp/returned_part.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/utf8.h"

namespace postern {

bool ReturnedPart::Look(std::string_view piece) {
  LookForBoundary(piece);
  if (!header_ended_) LookAtHeader(piece);
  seen_size_ += piece.size();
  if (content_ != ReturnedContent::kMessage) return !header_ended_;
  eight_bit_ = eight_bit_ || !IsAscii(piece);
  return true;
}

void ReturnedPart::LookForBoundary(std::string_view piece) {
  const size_t overlap = boundary_.size() - 1;
  const std::string seam = absl::StrCat(last_, piece.substr(0, overlap));
  holds_boundary_ =
      holds_boundary_ || seam.find(boundary_) != std::string::npos || piece.find(boundary_) != std::string_view::npos;
  // Of a piece that is shorter than the overlap, the seam is the whole of what may matter.
  const std::string_view end = piece.size() < overlap ? std::string_view(seam) : piece;
  last_ = std::string(end.substr(end.size() - std::min(end.size(), overlap)));
}

void ReturnedPart::LookAtHeader(std::string_view piece) {
  while (!piece.empty()) {
    const size_t lf = piece.find('\n');
    const std::string_view bytes = piece.substr(0, lf == std::string_view::npos ? piece.size() : lf + 1);
    piece.remove_prefix(bytes.size());
    if (line_size_ == 0) line_has_cr_ = bytes[0] == '\r';
    line_size_ += bytes.size();
    const bool whole = lf != std::string_view::npos;
    header_ended_ = header_size_ + line_size_ > kHeaderSizeMax || (whole && line_size_ == (line_has_cr_ ? 2 : 1));
    if (header_ended_) return;
    header_eight_bit_ = header_eight_bit_ || !IsAscii(bytes);
    if (!whole) return;
    header_size_ += line_size_;
    line_size_ = 0;
  }
}

}  // namespace postern
