#include "smtp/body_sender.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "absl/log/check.h"
#include "absl/strings/str_cat.h"

namespace postern {
namespace {

// True when all of it was written.
bool Flush(std::string& text, RingBuffer& out) {
  if (!text.empty()) text.erase(0, AppendTo(out, text));
  return text.empty();
}

}  // namespace

size_t AppendTo(RingBuffer& out, std::string_view bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const std::span<char> room = out.WritableSpan();
    if (room.empty()) break;
    const size_t size = std::min(room.size(), bytes.size() - written);
    std::memcpy(room.data(), bytes.data() + written, size);
    out.Commit(size);
    written += size;
  }
  return written;
}

void BodySender::Start(BodyForm form, uint64_t size) {
  form_ = form;
  rest_size_ = size;
  complete_ = false;
  prefix_.clear();
  piece_ = {};
  offset_ = 0;
  suffix_.clear();
  tail_ = {'\r', '\n'};
}

bool BodySender::Give(std::string_view piece) {
  DCHECK(!unwritten() && !complete_);
  if (piece.size() > rest_size_) return false;
  rest_size_ -= piece.size();
  complete_ = rest_size_ == 0;
  piece_ = piece;
  offset_ = 0;
  if (piece.empty() && !complete_) return true;  // a chunk of nothing says nothing
  const bool open_line = complete_ && !AtLineStart(piece.size());
  if (open_line) suffix_ = "\r\n";
  if (form_ == BodyForm::kChunks) {
    prefix_ = absl::StrCat("BDAT ", piece.size() + suffix_.size(), complete_ ? " LAST\r\n" : "\r\n");
  } else if (complete_) {
    suffix_ += ".\r\n";
  }
  return true;
}

bool BodySender::Write(RingBuffer& out) {
  if (!Flush(prefix_, out)) return false;
  if (form_ == BodyForm::kChunks) {
    offset_ += AppendTo(out, piece_.substr(offset_));
    if (offset_ < piece_.size()) return false;
  } else {
    while (offset_ < piece_.size()) {
      if (!WriteLines(out)) return false;
    }
  }
  if (!piece_.empty()) {
    tail_ = {piece_.size() > 1 ? piece_[piece_.size() - 2] : tail_[1], piece_.back()};
    piece_ = {};
    offset_ = 0;
  }
  return Flush(suffix_, out);
}

// Whether the two bytes before that one of the piece end a line.
bool BodySender::AtLineStart(size_t offset) const {
  const char last = offset >= 1 ? piece_[offset - 1] : tail_[1];
  const char before = offset >= 2 ? piece_[offset - 2] : tail_[offset];
  return before == '\r' && last == '\n';
}

// Writes up to the next dot that must be doubled, or the end. False when there was no room for it.
bool BodySender::WriteLines(RingBuffer& out) {
  if (piece_[offset_] == '.' && AtLineStart(offset_)) {
    if (out.free_size() < 2) return false;
    AppendTo(out, "..");
    ++offset_;
    return true;
  }
  std::string_view run = piece_.substr(offset_, out.free_size());
  if (run.empty()) return false;
  if (run.front() == '\n') {  // behind a CR that is no part of this run, perhaps
    run = run.substr(0, 1);
  } else if (const size_t dot = run.find("\r\n."); dot != std::string_view::npos) {
    run = run.substr(0, dot + 2);
  }
  offset_ += AppendTo(out, run);
  return true;
}

}  // namespace postern
