#include "smtp/noted_reply.h"

#include "smtp/reply_parser.h"

namespace postern {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

NotedReply ReadNote(std::string_view note) {
  NotedReply reply;
  reply.expired = note.starts_with(kExpiredPrefix);
  if (reply.expired) note.remove_prefix(kExpiredPrefix.size());
  reply.text = note;
  const bool has_code = note.size() >= 3 && note[0] >= '2' && note[0] <= '5' && IsDigit(note[1]) && IsDigit(note[2]) &&
                        (note.size() == 3 || note[3] == ' ');
  if (has_code) {
    reply.code = static_cast<uint16_t>((note[0] - '0') * 100 + (note[1] - '0') * 10 + (note[2] - '0'));
    if (note.size() > 4) reply.enhanced = EnhancedCodePrefix(reply.code, note.substr(4));
  } else if (!note.empty() && (note[0] == '2' || note[0] == '4' || note[0] == '5')) {
    reply.enhanced = EnhancedCodePrefix(static_cast<uint16_t>((note[0] - '0') * 100), note);
  }
  return reply;
}

}  // namespace postern
