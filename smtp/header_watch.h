// HeaderWatch reads what matters to us of a message's header lines: how often it was handed on, how often by ourselves,
// and how urgent it says to be.
//
// One transaction owns it, on its conversation's reactor thread; the session shows it what the decoder produced, in
// pieces of any size. The first byte of a line decides whether more of it is looked at, and nothing is behind the first
// empty line, so a long body costs nothing. It keeps a few words of state, whatever the message.
//
//   Received: from a by b        a hop (RFC 5321 6.3). Ours, when the word behind "by" is our name, as we write it
//   Priority: urgent             RFC 2156 5.3.6: urgent, normal, non-urgent
//   X-Priority: 1 (Highest)      1 and 2 are urgent, 4 and 5 are not; Priority goes before it
// Of two lines of the same name the first one counts that says something. A folded line is one line.

#ifndef POSTERN_SMTP_HEADER_WATCH_H_
#define POSTERN_SMTP_HEADER_WATCH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern {

enum class MessagePriority : uint8_t { kUnset, kUrgent, kNormal, kNonUrgent };

class HeaderWatch {
 public:
  // A message begins. `hostname` is ours; it is lent until the next Start().
  void Start(std::string_view hostname) {
    *this = HeaderWatch();
    hostname_ = hostname;
  }

  // The next bytes of the message, decoded: lines end with CR LF.
  void Update(std::string_view bytes) {
    if (!in_body_) UpdateHeaders(bytes);
  }

  uint32_t hop_count() const { return hop_count_; }
  uint32_t own_hop_count() const { return own_hop_count_; }
  MessagePriority priority() const { return priority_ != MessagePriority::kUnset ? priority_ : x_priority_; }

 private:
  enum class Header : uint8_t { kOther, kReceived, kPriority, kXPriority };
  enum class Place : uint8_t { kLineStart, kName, kValue, kRestOfLine };
  // In a Received line: what of "by", blanks and our name has been seen.
  enum class By : uint8_t { kNothing, kB, kWord, kBlanks, kName };

  static constexpr size_t kWordSizeMax = 10;  // "non-urgent"

  static std::string_view NameOf(Header header);

  void UpdateHeaders(std::string_view bytes);
  void StartLine(char byte);
  size_t MatchName(std::string_view bytes);
  void HandleValue(std::string_view part);
  void LookForOurselves(std::string_view part);
  void ReadPriority(std::string_view part);
  void HandlePriorityWord();

  std::string_view hostname_;
  uint32_t hop_count_ = 0;
  uint32_t own_hop_count_ = 0;
  MessagePriority priority_ = MessagePriority::kUnset;
  MessagePriority x_priority_ = MessagePriority::kUnset;

  bool in_body_ = false;
  Place place_ = Place::kLineStart;
  Header header_ = Header::kOther;  // that the line belongs to; kOther as well when all was seen that matters
  size_t matched_size_ = 0;         // bytes of the header's name, or of our own

  By by_ = By::kNothing;
  char last_byte_ = ' ';  // before the part of the value that comes next

  std::array<char, kWordSizeMax> word_ = {};  // in lower case
  size_t word_size_ = 0;
};

}  // namespace postern

#endif  // POSTERN_SMTP_HEADER_WATCH_H_
