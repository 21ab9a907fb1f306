#include "smtp/header_watch.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace postern {
namespace {

bool IsBlank(char byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }
bool EndsWord(char byte) { return IsBlank(byte) || byte == ';' || byte == '('; }
char Lower(char byte) { return absl::ascii_tolower(static_cast<unsigned char>(byte)); }

}  // namespace

std::string_view HeaderWatch::NameOf(Header header) {
  switch (header) {
    case Header::kReceived: return "received:";
    case Header::kPriority: return "priority:";
    case Header::kXPriority: return "x-priority:";
    case Header::kOther: return "";
  }
  return "";
}

void HeaderWatch::UpdateHeaders(std::string_view bytes) {
  while (!bytes.empty()) {
    if (place_ == Place::kLineStart) StartLine(bytes.front());
    if (in_body_) return;
    if (place_ == Place::kName) {
      bytes.remove_prefix(MatchName(bytes));
      continue;
    }
    const size_t lf = bytes.find('\n');
    const size_t size = lf == std::string_view::npos ? bytes.size() : lf + 1;
    if (place_ == Place::kValue) HandleValue(bytes.substr(0, size));
    if (lf != std::string_view::npos) place_ = Place::kLineStart;
    bytes.remove_prefix(size);
  }
}

// The byte is only looked at.
void HeaderWatch::StartLine(char byte) {
  if (byte == '\r') {  // the empty line
    in_body_ = true;
    return;
  }
  if (byte == ' ' || byte == '\t') {  // the line before goes on
    place_ = header_ == Header::kOther ? Place::kRestOfLine : Place::kValue;
    return;
  }
  const char letter = Lower(byte);
  header_ = letter == 'r'   ? Header::kReceived
            : letter == 'p' ? Header::kPriority
            : letter == 'x' ? Header::kXPriority
                            : Header::kOther;
  place_ = header_ == Header::kOther ? Place::kRestOfLine : Place::kName;
  matched_size_ = 0;
}

// How many of `bytes` belong to the name. One that does not is looked at again: it may be the line's end.
size_t HeaderWatch::MatchName(std::string_view bytes) {
  const std::string_view name = NameOf(header_);
  size_t size = 0;
  while (size < bytes.size() && matched_size_ < name.size() && Lower(bytes[size]) == name[matched_size_]) {
    ++size;
    ++matched_size_;
  }
  if (matched_size_ == name.size()) {
    place_ = Place::kValue;
    if (header_ == Header::kReceived) ++hop_count_;
    by_ = By::kNothing;
    last_byte_ = ' ';
    word_size_ = 0;
  } else if (size < bytes.size()) {
    place_ = Place::kRestOfLine;
    header_ = Header::kOther;
  }
  return size;
}

// The next bytes of a value, at most to the end of the line.
void HeaderWatch::HandleValue(std::string_view part) {
  if (header_ == Header::kReceived) {
    LookForOurselves(part);
  } else if (header_ != Header::kOther) {
    ReadPriority(part);
  }
}

// Our own lines come back as we wrote them, but for where they are folded: case is no matter.
void HeaderWatch::LookForOurselves(std::string_view part) {
  for (size_t i = 0; i < part.size();) {
    switch (by_) {
      case By::kNothing: {
        const size_t b = part.find('b', i);
        if (b == std::string_view::npos) {
          i = part.size();
          break;
        }
        if (IsBlank(b == 0 ? last_byte_ : part[b - 1])) by_ = By::kB;
        i = b + 1;
        break;
      }
      case By::kB:
        by_ = part[i] == 'y' ? By::kWord : By::kNothing;
        if (by_ == By::kWord) ++i;
        break;
      case By::kWord:
      case By::kBlanks:
        if (IsBlank(part[i])) {
          by_ = By::kBlanks;
          ++i;
        } else {
          by_ = by_ == By::kBlanks ? By::kName : By::kNothing;
          matched_size_ = 0;
        }
        break;
      case By::kName:
        if (matched_size_ == hostname_.size() && EndsWord(part[i])) {
          ++own_hop_count_;
          header_ = Header::kOther;
          return;
        }
        if (matched_size_ < hostname_.size() && part[i] == hostname_[matched_size_]) {
          ++matched_size_;
          ++i;
        } else {  // what looked like our name may have been another "by"
          const std::string_view matched = hostname_.substr(0, matched_size_);
          by_ = matched == "b" ? By::kB : matched == "by" ? By::kWord : By::kNothing;
        }
        break;
    }
  }
  last_byte_ = part.back();
}

// The first word of the value is all that counts.
void HeaderWatch::ReadPriority(std::string_view part) {
  for (const char byte : part) {
    if (EndsWord(byte)) {
      if (word_size_ == 0 && IsBlank(byte)) continue;
      return HandlePriorityWord();
    }
    if (word_size_ < word_.size()) word_[word_size_] = Lower(byte);
    ++word_size_;
  }
}

void HeaderWatch::HandlePriorityWord() {
  const std::string_view word(word_.data(), word_size_ <= word_.size() ? word_size_ : 0);
  MessagePriority& priority = header_ == Header::kPriority ? priority_ : x_priority_;
  if (priority == MessagePriority::kUnset && header_ == Header::kPriority) {
    if (word == "urgent") priority = MessagePriority::kUrgent;
    if (word == "normal") priority = MessagePriority::kNormal;
    if (word == "non-urgent") priority = MessagePriority::kNonUrgent;
  } else if (priority == MessagePriority::kUnset) {
    if (word == "1" || word == "2") priority = MessagePriority::kUrgent;
    if (word == "3") priority = MessagePriority::kNormal;
    if (word == "4" || word == "5") priority = MessagePriority::kNonUrgent;
  }
  header_ = Header::kOther;
}

}  // namespace postern
