#include "gateway/command_check.h"

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/exit_code.h"

namespace postern {
namespace {

std::string Way(const Route& route) {
  if (route.kind == RouteKind::kMaildir) return absl::StrCat("maildir ", route.maildir);
  return absl::StrCat("next hop ", absl::StrJoin(route.next_hops, ", ", [](std::string* out, const HostPort& host) {
                        absl::StrAppend(out, host.ToString());
                      }));
}

}  // namespace

int RunCheck(const Config& config) {
  std::string text = absl::StrCat(config.file, ": good\n");
  absl::StrAppend(&text, "  hostname       ", config.hostname, "\n");
  for (const SocketAddress& address : config.listen)
    absl::StrAppend(&text, "  listen         ", address.ToString(), "\n");
  absl::StrAppend(&text, "  data_dir       ", config.data_dir, "\n");
  absl::StrAppend(
      &text, "  local_domains  ",
      config.local_domains.empty() ? "none: only trusted networks may send" : absl::StrJoin(config.local_domains, ", "),
      "\n");
  for (const Route& route : config.routes) absl::StrAppend(&text, "  route ", route.match, ": ", Way(route), "\n");
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

}  // namespace postern
