#include "smtp/reply_parser.h"

#include <algorithm>

namespace postern {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Digits at `offset`, at most three; the offset behind them, or npos when there are none.
size_t SkipNumber(std::string_view text, size_t offset) {
  size_t end = offset;
  while (end < text.size() && end < offset + 3 && IsDigit(text[end])) ++end;
  return end == offset ? std::string_view::npos : end;
}

}  // namespace

std::string_view EnhancedCodePrefix(uint16_t code, std::string_view text) {
  if (text.size() < 5 || text[0] != static_cast<char>('0' + code / 100) || text[1] != '.') return {};
  const size_t subject_end = SkipNumber(text, 2);
  if (subject_end == std::string_view::npos || subject_end >= text.size() || text[subject_end] != '.') return {};
  const size_t end = SkipNumber(text, subject_end + 1);
  if (end == std::string_view::npos || (end < text.size() && text[end] != ' ')) return {};
  return text.substr(0, end);
}

void ReplyParser::Clear() {
  reply_ = {};
  line_.clear();
  reply_size_ = 0;
  line_count_ = 0;
  complete_ = false;
}

ReplyStatus ReplyParser::Next(RingBuffer& in) {
  if (complete_) Clear();
  while (!in.empty()) {
    const std::string_view bytes = in.Peek();
    // A lone LF ends a line too: nothing hangs on where a reply's line ends, and some servers know no better.
    const size_t lf = bytes.find('\n');
    const size_t taken = lf == std::string_view::npos ? bytes.size() : lf + 1;
    reply_size_ += taken;
    if (line_.size() < kReplyLineSizeMax) {
      line_.append(bytes.substr(0, std::min(taken, kReplyLineSizeMax - line_.size())));
    }
    in.Consume(taken);
    if (reply_size_ > kReplySizeMax) return ReplyStatus::kBad;
    if (lf == std::string_view::npos) continue;
    const ReplyStatus status = HandleLine();
    if (status != ReplyStatus::kNeedMore) return status;
  }
  return ReplyStatus::kNeedMore;
}

ReplyStatus ReplyParser::HandleLine() {
  while (!line_.empty() && (line_.back() == '\n' || line_.back() == '\r')) line_.pop_back();
  const std::string_view line = line_;
  if (++line_count_ > kReplyLineCountMax) return ReplyStatus::kBad;
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !IsDigit(line[1]) || !IsDigit(line[2])) {
    return ReplyStatus::kBad;
  }
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return ReplyStatus::kBad;
  const auto code = static_cast<uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  if (line_count_ > 1 && code != reply_.code) return ReplyStatus::kBad;
  const bool last = line.size() == 3 || line[3] == ' ';
  std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view();
  const std::string_view enhanced = EnhancedCodePrefix(code, text);
  if (line_count_ == 1) {
    reply_.code = code;
    reply_.enhanced = enhanced;
  } else {
    reply_.text.push_back('\n');
  }
  text.remove_prefix(std::min(text.size(), enhanced.empty() ? 0 : enhanced.size() + 1));
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    reply_.text.push_back(byte < 0x20 || byte == 0x7F ? '?' : c);
  }
  line_.clear();
  if (!last) return ReplyStatus::kNeedMore;
  complete_ = true;
  reply_size_ = 0;
  return ReplyStatus::kReply;
}

}  // namespace postern
