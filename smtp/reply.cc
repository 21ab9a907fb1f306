#include "smtp/reply.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/limits.h"

namespace postern {

void AppendReply(const Reply& reply, std::string& out) {
  const size_t start = out.size();
  absl::StrAppend(&out, reply.code, " ", reply.enhanced, reply.enhanced.empty() ? "" : " ", reply.text);
  const size_t end_max = start + kReplyLineSizeMax - 2;
  if (out.size() > end_max) out.resize(end_max);
  for (size_t i = start; i < out.size(); ++i) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(out[i]))) out[i] = '?';
  }
  out += "\r\n";
}

}  // namespace postern
