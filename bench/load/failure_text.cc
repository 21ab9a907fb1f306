#include "bench/load/failure_text.h"

#include <string_view>

#include "absl/strings/str_cat.h"

namespace postern {

const char* FailureText(NetError error) {
  switch (error) {
    case NetError::kNone: return "no error";
    case NetError::kCancelled: return "interrupted";
    case NetError::kReset: return "the server reset the connection";
    case NetError::kRefused: return "connection refused";
    case NetError::kTimedOut: return "timed out";
    case NetError::kUnreachable: return "unreachable, or no port of ours is left (see --sources)";
    case NetError::kNoDescriptors: return "no descriptor is left (ulimit -n)";
    case NetError::kAddressInUse: return "the address is in use";
    case NetError::kNoPermission: return "no permission";
    case NetError::kOther: return "network error";
  }
  return "";
}

std::string FailureText(const ServerReply& reply) {
  const std::string_view text = std::string_view(reply.text).substr(0, reply.text.find('\n'));
  if (reply.code == 0) return std::string(text);
  std::string whole = absl::StrCat(reply.code, reply.enhanced.empty() ? "" : " ", reply.enhanced);
  if (!text.empty()) absl::StrAppend(&whole, " ", text);
  return whole;
}

}  // namespace postern
